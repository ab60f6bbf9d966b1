import { ServerProcess } from "./server_process.ts";

const SHOWN_LINES = 20;

/**
 * Starts a server, tries something on it and stops it. Where that fails, or the server ends with
 * another code than 0, says so with its last lines, and ends this process with 1.
 *
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
  console.error(
    `\n${failure?.message ?? "Nothing failed"}; the server ended with ${code}, saying last:`,
  );
  console.error(server.latestLines.slice(-SHOWN_LINES).join("\n"));
  Deno.exit(1);
}
