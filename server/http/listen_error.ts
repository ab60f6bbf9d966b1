import { createServer } from "node:net";

const HOSTS = "allowed are this machine's addresses and names, and 0.0.0.0 or :: for all of them";

/** Why a server cannot listen, in a sentence. */
export function listenError(error: NodeJS.ErrnoException, host: string, port: number): Error {
  const at = `${host.includes(":") ? `[${host}]` : host}:${port}`;
  const sentence = (() => {
    switch (error.code) {
      case "EADDRINUSE":
        return `${at}, which is in use: allowed are free ports`;
      case "EACCES":
        return `${at}, which needs an administrator: allowed are ports from 1024`;
      case "ENOTFOUND":
      case "EAI_AGAIN": // nobody is there to ask
        return `${host}, a name without an address: ${HOSTS}`;
      case "EADDRNOTAVAIL":
      case "EINVAL": // as which Deno reports it
        return `${host}, which is no address of this machine: ${HOSTS}`;
      default:
        return `${at}: ${error.message}`;
    }
  })();
  return new Error(`Cannot listen on ${sentence}`, { cause: error });
}

/** @throws {Error} where nothing can listen on `host`. */
export function checkHost(host: string): Promise<void> {
  return new Promise((ok, failed) => {
    const server = createServer();
    server.once("error", (error) => failed(listenError(error, host, 0)));
    server.listen({ host, port: 0 }, () => server.close(() => ok()));
  });
}
