import { serve, type ServeOptions } from "../../server/http/server.ts";
import { DEFAULT_LIMITS, type ServerLimits } from "../../server/limits.ts";
import { type Script, ScriptedEngine } from "./scripted.ts";

/** Small ones, so that they are reached. */
export const LIMITS: ServerLimits = {
  ...DEFAULT_LIMITS,
  maxFrameBytes: 100_000,
  maxFramePixels: 10_000,
  maxPoints: 100,
  maxSessions: 10,
};

export type ServerChange = Partial<Omit<ServeOptions, "limits" | "engine">> & {
  limits?: Partial<ServerLimits>;
  /** So many times as fast time passes for what the server counts in looks; see server/looks.ts. */
  hurry?: number;
};

/** Runs `use` against a server on a free port and a scripted engine. */
export async function withServer(
  { limits, hurry = 1, ...change }: ServerChange,
  use: (url: string, engine: ScriptedEngine, log: string[]) => Promise<void>,
  script: Script[] = [{ corners: [[10, 10]] }],
): Promise<void> {
  const engine = new ScriptedEngine(() => [...script]);
  const log: string[] = [];
  const server = await hurried(hurry, () =>
    serve({
      host: "127.0.0.1",
      port: 0,
      engine,
      limits: { ...LIMITS, ...limits },
      token: null,
      allowOrigins: [],
      log: (event, fields) => log.push(`${event} ${JSON.stringify(fields)}`),
      ...change,
    }));
  try {
    await use(server.url, engine, log);
  } finally {
    await server.close();
    await server.close();
  }
}

/** Starts what looks about at intervals, which are so many times as short. */
async function hurried<T>(hurry: number, start: () => Promise<T>): Promise<T> {
  const { setInterval } = globalThis;
  globalThis.setInterval =
    ((look: () => void, ms: number) => setInterval(look, ms / hurry)) as typeof setInterval;
  try {
    return await start();
  } finally {
    globalThis.setInterval = setInterval;
  }
}
