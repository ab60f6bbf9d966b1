import { getRequestListener, type HttpBindings } from "@hono/node-server";
import { type Context, Hono } from "hono";
import { secureHeaders } from "hono/secure-headers";
import type { IncomingMessage, RequestListener } from "node:http";
import type { EngineInfo, Limits } from "../../protocol/mod.ts";
import { checkOneHost, Refusal } from "./access.ts";
import type { Room } from "./agent.ts";
import { readPageFiles } from "./page_files.ts";

/** What the server says of itself. */
export interface Info {
  server: string;
  protocol: "lkstream.v1";
  engine: EngineInfo;
  limits: Limits;
  /** `full`: a further one of the address that asks would be refused. */
  sessions: { open: number; max: number; full: boolean };
  token: "required" | "none";
  /** Of the name in `?stream=`, where there is one. */
  stream?: "free" | "taken";
}

/** What pages ask the server for. */
export interface Ask {
  /** @throws {Refusal} where the request may not have it. */
  info(request: IncomingMessage): Info;
  /** Whether there is room for a further session. */
  load(): Room & { sessions: { open: number; max: number } };
  /** Why no session can be opened now; null where it can. */
  notReady(): string | null;
  /** @throws {Refusal} where the request may not have them. */
  metrics(request: IncomingMessage): Promise<string>;
}

/** No inline script or style; workers, blobs and sockets only as far as the page needs them. */
const POLICY = {
  defaultSrc: ["'self'"],
  imgSrc: ["'self'", "blob:", "data:"],
  mediaSrc: ["'self'", "blob:"],
  connectSrc: ["'self'", "ws:", "wss:"],
  frameAncestors: ["'none'"],
  baseUri: ["'none'"],
  formAction: ["'none'"],
};

/**
 * Everything that is plain HTTP: the page and the SDK, health, and what the
 * server says of itself.
 *
 * @param folder where `deno task build` put the page
 * @param ask asked anew for every request
 */
export async function pages(folder: URL, ask: Ask): Promise<RequestListener> {
  const files = await readPageFiles(folder);
  const app = new Hono<{ Bindings: HttpBindings }>();
  app.use(secureHeaders({
    contentSecurityPolicy: POLICY,
    crossOriginResourcePolicy: "cross-origin", // another site's page may import the SDK
    permissionsPolicy: { camera: ["self"], microphone: [], geolocation: [] },
    strictTransportSecurity: false, // for the proxy that ends TLS to say
  }));
  app.use((c, next) => {
    checkOneHost(c.env.incoming);
    return next();
  });
  app.onError((error, c) => {
    if (!(error instanceof Refusal)) throw error;
    return fail(c, error.status, error.code, error.message, error.headers);
  });
  app.get("/healthz", (c) => c.text("ok\n"));
  app.get("/readyz", (c) => {
    const why = ask.notReady();
    return why ? c.text(`${why}\n`, 503) : c.text("ready\n");
  });
  app.get("/metrics", async (c) =>
    c.body(await ask.metrics(c.env.incoming), 200, {
      "Content-Type": "text/plain; version=0.0.4; charset=utf-8",
    }));
  app.get(
    "/v1/info",
    (c) => c.json(ask.info(c.env.incoming), 200, { "Access-Control-Allow-Origin": "*" }),
  );
  app.get("/v1/load", (c) => c.json(ask.load(), 200, { "Cache-Control": "no-store" }));
  app.get(
    "/v1/stream",
    (c) =>
      fail(
        c,
        426,
        "upgrade_required",
        "Cannot answer plain http: this is a WebSocket, to be opened by ws:// or wss://, as " +
          "new WebSocket(address) does",
        {
          Upgrade: "websocket",
        },
      ),
  );
  for (const [name, file] of files) {
    app.get(name === "index.html" ? "/" : `/${name}`, (c) => file.answer(c));
  }
  for (const path of new Set(app.routes.map(({ path }) => path))) {
    if (path === "/*") continue; // what is done for all of them
    app.all(path, ({ req }) => {
      throw new Refusal(
        405,
        "method_not_allowed",
        `Cannot ${req.method} ${path}: allowed are GET and HEAD`,
        { Allow: "GET, HEAD" },
      );
    });
  }
  app.notFound((c) => fail(c, 404, "not_found", `Cannot find ${new URL(c.req.url).pathname}`));
  const listener = getRequestListener(app.fetch, {
    autoCleanupIncoming: false, // node:http throws away the bodies that nothing here reads
  });
  return (request, response) => void listener(request, response);
}

function fail(
  c: Context,
  status: Refusal["status"] | 426,
  code: string,
  message: string,
  headers: Record<string, string> = {},
) {
  return c.json({ error: { code, message } }, status, headers);
}
