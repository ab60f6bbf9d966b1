/** The benches that others rely on: they run, and their counts add up. Their figures are no tests. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { openSession } from "../../bench/attack/peer.ts";
import type { ServerProcess } from "../../bench/server_process.ts";
import { onTrial } from "../../bench/trial.ts";
import { start } from "../lib/running.ts";

const BENCH = new URL("../../bench/", import.meta.url);

async function runBench(script: string, args: string[]) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", fileURLToPath(new URL(script, BENCH)), ...args],
  }).output();
  const decoder = new TextDecoder();
  return { code, output: decoder.decode(stdout), errors: decoder.decode(stderr) };
}

Deno.test("bench: a session by hand is open once the whole hello is read", async () => {
  const hello = new Uint8Array(200).fill(65);
  const pieces = [
    "HTTP/1.1 101 Switching Protocols\r\n",
    "\r\n",
    "\x81\x7e",
    "\0\xc8",
    hello,
    "\x88\0",
  ];
  const server = createServer(async (socket) => {
    for (const piece of pieces) {
      socket.write(piece, "latin1");
      await new Promise((later) => setTimeout(later, 30)); // or TCP may join them
    }
    socket.destroy();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const socket = await openSession(`http://127.0.0.1:${port}`);
  const [next] = await once(socket, "data");
  assert.deepEqual([...next], [0x88, 0]);
  socket.destroy();
  server.close();
  await once(server, "close");
});

const SMALL = ["--size", "160x120", "--fps", "10", "--seconds", "1", "--warm-up", "0.5", "--json"];

Deno.test("bench: load counts every frame that was due, and finds the server's process", async () => {
  const server = await start({ args: ["--token", "t"] });
  try {
    const flags = ["--url", server.url, "--token", "t", "--sessions", "3", "--workers", "2"];
    const { code, output, errors } = await runBench("load.ts", [...flags, ...SMALL]);
    assert.equal(code, 0, errors);
    const report = JSON.parse(output);
    assert.equal(report.due, 30);
    assert.ok(report.answered > 0 && report.answered + report.dropped + report.unsent <= 30);
    assert.ok(report.points > 10);
    assert.deepEqual([report.errors, report.closes], [{}, {}]);
    if (Deno.build.os === "linux") assert.ok(report.server.rssMiB > 10);
  } finally {
    await server.stop();
  }
});

Deno.test("bench: load says why it cannot open its sessions", async () => {
  const server = await start({ args: ["--max-sessions", "2"] });
  try {
    const flags = ["--url", server.url, "--sessions", "3"];
    const { code, errors } = await runBench("load.ts", [...flags, ...SMALL]);
    assert.equal(code, 1);
    assert.match(errors, /Cannot open a session.*503/);
  } finally {
    await server.stop();
  }
});

Deno.test({
  name: "bench: the fuzzer finds nothing in a first few hundred messages",
  ignore: Deno.build.os !== "linux", // it looks at the server's memory in /proc
  async fn() {
    const size = ["--messages", "320", "--jpegs", "96", "--streams", "16", "--wire", "16"];
    const patient = ["--wait", "60000"]; // how long it takes is no test
    const { code, output, errors } = await runBench("fuzz.ts", [
      ...size,
      ...patient,
      ...["--floods", "16", "--seed", "7"],
    ]);
    assert.equal(code, 0, output + errors);
    for (
      const sent of [
        ...["288 controls", "16 streams"],
        ...["16 pipelined requests", "16 tiny messages", "16 nested texts"],
      ]
    ) {
      assert.match(output, new RegExp(`^ *${sent}$`, "m"));
    }
  },
});

Deno.test({
  name: "bench: a trial that fails, or whose server does, fails with the server's last lines",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const kill = (server: ServerProcess) => Deno.kill(server.pid, "SIGKILL");
    const trials: [RegExp, Parameters<typeof onTrial>[1]][] = [
      [
        /^as told; the server ended with 0, saying last:\n[^]* listens on /,
        () => Promise.reject(new Error("as told")),
      ],
      [/^The server ended; the server ended with 137/, async (server, ended) => {
        kill(server);
        await ended;
      }],
      [
        /^Nothing failed; the server ended with 137/,
        (server) => Promise.resolve(kill(server)),
      ],
    ];
    for (const [message, trial] of trials) {
      await assert.rejects(onTrial([], trial), { message });
    }
  },
});
