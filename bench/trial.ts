import type { Flag } from "../cli/command_line.ts";
import { ServerProcess } from "./server_process.ts";

/** Flags of every trial. */
export const TRIAL_FLAGS = {
  engine: { type: "string", value: "NAME", default: "auto", text: "the server's" },
  seed: { type: "string", value: "N", default: "1", text: "of what is random" },
} as const satisfies Record<string, Flag>;

const SHOWN_LINES = 20;

/**
 * Starts a server, tries something on it and stops it.
 *
 * @throws {Error} where that fails, or the server ends with another code than 0, with its last lines.
 * @param flags as of `deno task start`
 * @param trial is also given what rejects when the server ends
 */
export async function onTrial(
  flags: string[],
  trial: (server: ServerProcess, ended: Promise<never>) => Promise<void>,
): Promise<void> {
  const server = await ServerProcess.start(flags);
  const ended = server.ended.then(() => {
    throw new Error("The server ended");
  });
  ended.catch(() => {}); // it ends in any case, and not always is somebody waiting for it
  const failure = await trial(server, ended).then(() => null, (error: Error) => error);
  const code = await server.stop();
  if (!failure && code === 0) return;
  throw new Error(
    `${failure?.message ?? "Nothing failed"}; the server ended with ${code}, saying last:\n` +
      server.latestLines.slice(-SHOWN_LINES).join("\n"),
  );
}
