/** What docs/operations/ holds: it must fit the server, not only its text. */
import assert from "node:assert/strict";
import { parse as parseYaml, parseAllDocuments } from "yaml";
import config from "../../deno.json" with { type: "json" };
import { encodeFrame } from "../../protocol/mod.ts";
import { checkVariables, readConfig } from "../../server/config.ts";
import { Client } from "../lib/client.ts";
import { shift, Texture } from "../lib/images.ts";
import { encodeJpeg } from "../lib/jpeg.ts";
import { freePort } from "../lib/free_port.ts";
import { findProgram, startProxy } from "../lib/proxy.ts";
import { withServer } from "../lib/serving.ts";
import { start } from "../lib/running.ts";

const DOCS = new URL("../../docs/operations/", import.meta.url);
const texture = new Texture(3);
const jpeg = (frame: number) => encodeJpeg(texture.draw(320, 240, shift(3 * frame, 2 * frame)));

function read(name: string): string {
  return Deno.readTextFileSync(new URL(name, DOCS));
}

/** A session of some frames, tracked as they should be, and one bad message. */
async function useSession(client: Client): Promise<void> {
  for (let seq = 0; seq < 3; seq++) {
    client.send(encodeFrame({ seq, timestamp: seq, jpeg: jpeg(seq) }));
    const { tracks } = (await client.nextOf("tracks"))!;
    assert.ok(tracks.points.id.length > 50);
    if (seq === 0) continue;
    assert.ok(Math.abs(tracks.flow![0] - 3) < 0.1 && Math.abs(tracks.flow![1] - 2) < 0.1);
  }
  client.send("{");
  await client.nextOf("error");
}

/** The names in /metrics, each as Prometheus stores it: a histogram has three. */
function namesOf(metrics: string): Set<string> {
  const names = [...metrics.matchAll(/^# TYPE (\S+) (\S+)$/gm)].flatMap(([, name, type]) =>
    type === "histogram" ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name]
  );
  return new Set(names);
}

/** Names, and labels with the value asked for, in queries. */
function used(expressions: string[]): Set<string> {
  return new Set(expressions.flatMap((text) => text.match(/\blkstream_\w+/g) ?? []));
}

interface Alerts {
  groups: { rules: { alert: string; expr: string; annotations: Record<string, string> }[] }[];
}

function alertExpressions(): string[] {
  const { groups } = parseYaml(read("alerts.yml")) as Alerts;
  const rules = groups.flatMap(({ rules }) => rules);
  for (const { alert, annotations } of rules) {
    assert.ok(annotations.summary && annotations.description, alert);
  }
  return rules.map(({ expr }) => expr);
}

function dashboardExpressions(): string[] {
  const { panels } = JSON.parse(read("grafana-dashboard.json")) as {
    panels: { targets: { expr: string }[] }[];
  };
  return panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
}

Deno.test("operations: alerts and dashboard ask for metrics that there are, and the dashboard for all", async () => {
  const server = await start();
  try {
    const client = await Client.connect(server.url);
    await useSession(client);
    await client.close();
    const metrics = await (await fetch(`${server.url}/metrics`)).text();
    const names = namesOf(metrics);
    const shown = used(dashboardExpressions());
    const unknown = [...shown, ...used(alertExpressions())].filter((name) => !names.has(name));
    assert.deepEqual(unknown, []);
    const isShown = (name: string) => shown.has(name.replace(/_(sum|count)$/, "_bucket"));
    assert.deepEqual([...names].filter((name) => !isShown(name)), []);
  } finally {
    await server.stop();
  }
});

Deno.test("operations: the unit starts the server as deno task start does", () => {
  const [, command] = /^ExecStart=\S+\/deno run --cached-only (.*)$/m.exec(
    read("lkstream.service"),
  )!;
  assert.equal(config.tasks.start.command, `deno run ${command}`);
});

/** What an environment file sets, as systemd.exec(5) says that systemd reads it. */
function readEnvironment(text: string): Map<string, string> {
  const lines = text.replaceAll("\\\n", "").split("\n").map((line) => line.trimStart());
  const set = lines.filter((line) => line !== "" && !/^[#;]/.test(line)).map((line) => {
    const at = line.indexOf("=");
    assert.ok(at > 0, `systemd ignores ${line}`);
    const value = line.slice(at + 1).trim(); // with all that follows, a comment too
    const [, single, double] = /^'([^']*)'$|^"([^"\\]*)"$/.exec(value) ?? [];
    return [line.slice(0, at).trim(), single ?? double ?? value] as const;
  });
  return new Map(set);
}

Deno.test("operations: the environment file sets what its comments say, as systemd reads it", () => {
  const shipped = read("lkstream.env");
  const set = readEnvironment(shipped);
  checkVariables([...set.keys()]);
  const { token, allowOrigins, threads, limits, trustProxy, log } = readConfig(
    [],
    (name) => set.get(name),
  )!;
  assert.equal(token, "choose-one");
  assert.deepEqual(allowOrigins, ["https://track.example.org"]);
  assert.deepEqual([threads, limits.maxSessions, trustProxy, log], [2, 64, true, "json"]);
  // and what is commented out is right as well
  const all = readEnvironment(shipped.replaceAll(/^#(?=LKSTREAM_)/gm, ""));
  assert.ok(all.size > set.size);
  checkVariables([...all.keys()]);
});

/** What the test looks at of a Kubernetes object. */
interface KubernetesObject {
  kind: string;
  metadata: { name: string };
  // deno-lint-ignore no-explicit-any -- as deep as Kubernetes' own types
  spec: any;
}

/** By their kinds, of all files; each kind is there once. */
function kubernetesObjects(): Map<string, KubernetesObject> {
  const objects = new Map<string, KubernetesObject>();
  for (const { name } of Deno.readDirSync(new URL("kubernetes/", DOCS))) {
    for (const document of parseAllDocuments(read(`kubernetes/${name}`), { strict: true })) {
      assert.deepEqual([document.errors, document.warnings], [[], []], name);
      const object = document.toJS() as KubernetesObject;
      assert.ok(!objects.has(object.kind), object.kind);
      objects.set(object.kind, object);
    }
  }
  return objects;
}

/** A variable of a container, set here or, as the token, from elsewhere. */
type ContainerVariable = { name: string; value?: string };

Deno.test("operations: the objects of Kubernetes fit each other and the server", async () => {
  const objects = kubernetesObjects();
  const { replicas, selector, template, strategy } = objects.get("Deployment")!.spec;
  const [container] = template.spec.containers;
  const set = new Map((container.env as ContainerVariable[]).map(({ name, value = "t" }) => [
    name,
    value,
  ]));
  checkVariables([...set.keys()]);
  const config = readConfig([], (name) => set.get(name))!;
  assert.ok(config.token !== null && config.trustProxy);
  const [{ containerPort, name: port }] = container.ports;
  assert.equal(containerPort, config.port);
  const grace = 1000 * template.spec.terminationGracePeriodSeconds;
  assert.ok(grace > config.drainMs + 5000, "a pod is killed while it drains");
  assert.deepEqual(strategy.rollingUpdate, { maxUnavailable: 0, maxSurge: 1 });

  const service = objects.get("Service")!.spec, budget = objects.get("PodDisruptionBudget")!.spec;
  assert.equal(service.ports[0].targetPort, port);
  for (const selected of [selector.matchLabels, service.selector, budget.selector.matchLabels]) {
    assert.deepEqual(selected, template.metadata.labels);
  }
  const { scaleTargetRef, minReplicas, metrics } = objects.get("HorizontalPodAutoscaler")!.spec;
  assert.deepEqual(
    [scaleTargetRef.kind, scaleTargetRef.name, minReplicas],
    ["Deployment", objects.get("Deployment")!.metadata.name, replicas],
  );

  const paths = ["startupProbe", "readinessProbe", "livenessProbe"].map((probe) => {
    const { path, port: asked } = container[probe].httpGet;
    assert.equal(asked, port, probe);
    return path;
  });
  assert.notEqual(paths[2], "/readyz", "a pod that drains would be restarted");
  const text = read("kubernetes/autoscaler.yaml");
  const [{ pods: { metric } }] = metrics;
  assert.ok(text.includes(`name: { as: ${metric.name} }`), "the adapter's rule makes the metric");
  const [, gauge] = /\((lkstream_\w+)\{<</.exec(text)!;
  assert.ok(used(dashboardExpressions()).has(gauge), `the dashboard does not show ${gauge}`);
  await withServer({}, async (url) => {
    for (const path of paths) {
      const response = await fetch(url + path);
      await response.body?.cancel();
      assert.equal(response.status, 200, path);
    }
    assert.ok(namesOf(await (await fetch(`${url}/metrics`)).text()).has(gauge), gauge);
  });
});

for (const program of ["nginx", "haproxy"] as const) {
  const isMissing = await findProgram(program) === null;
  if (isMissing) console.log(`operations: ${program} is not installed, its test is left out`);

  Deno.test({
    name: `operations: a session is tracked through ${program}, whose log has no token`,
    ignore: isMissing,
    async fn() {
      const server = await start({
        args: ["--trust-proxy", "--token", "secret", "--max-sessions-per-address", "1"],
      });
      const proxy = await startProxy(program, [{ url: server.url }]);
      let logged = "";
      try {
        const { ca, url } = proxy;
        // a page of the proxy's own origin; what it claims of its address does not count
        const headers = { Origin: url, "X-Forwarded-For": "203.0.113.7" };
        const client = await Client.connect(url, { ca, headers, query: "?token=secret" });
        await useSession(client);
        await assert.rejects(
          Client.connect(url, { ca, query: "?token=secret" }),
          /503.*at once from one address/,
        );
        await client.close();
        using http = Deno.createHttpClient({ caCerts: [ca] });
        const get = async (path: string) => {
          const response = await fetch(url + path, { client: http } as RequestInit);
          return [response.status, await response.text()];
        };
        assert.deepEqual(await get("/readyz"), [200, "ready\n"]);
        for (const path of ["/metrics", "/%6Detrics"]) {
          assert.equal((await get(`${path}?token=secret`))[0], 404);
        }
        const plain = await fetch(`${proxy.plainUrl}/?token=secret`, { redirect: "manual" });
        await plain.body?.cancel();
        assert.equal(plain.status, 301);
        await server.stop();
        for (const path of ["/", "/v1/stream"]) {
          assert.match(`${(await get(`${path}?token=secret`))[0]}`, /^50[23]$/, "it is down");
        }
      } finally {
        logged = await proxy.close();
        await server.stop();
      }
      assert.match(logged, /GET \/v1\/stream\b.* 101/);
      assert.match(logged, /GET \/"? 50[23]\b/);
      assert.doesNotMatch(logged, /secret/);
    },
  });

  Deno.test({
    name: `operations: where a server is gone, ${program} takes each session to another at once`,
    ignore: isMissing,
    async fn() {
      const options = { trustProxy: true, agentPort: freePort() };
      await withServer(options, async (first) => {
        await withServer({ trustProxy: true }, async (second) => {
          const gone = `http://127.0.0.1:${freePort()}`;
          const backends = [{ url: gone }, { url: first, agentPort: options.agentPort }];
          const proxy = await startProxy(program, [...backends, { url: second }]);
          try {
            const { ca, url } = proxy;
            for (let i = 0; i < 6; i++) {
              const client = await Client.connect(url, { ca, headers: { Origin: url } });
              assert.ok(await client.nextOf("hello"));
              await client.close();
            }
          } finally {
            await proxy.close();
          }
        });
      });
    },
  });
}
