import { createServer, type Server } from "node:net";

/** Whether new sessions are taken, and how much room there is for them, from 0 to 1. */
export interface Room {
  state: "ready" | "drain";
  free: number;
}

/** Those who ask at once; the answer is one line, so they are gone in no time. */
const MAX_CONNECTIONS = 64;
/** Who does not take its line within this is cut off. */
const TAKE_MS = 1000;

/**
 * What HAProxy's `agent-check` reads: a line for each connection, `ready 42%` or
 * `drain`, as in chapter 5.2 of its configuration manual. The share is the weight that the
 * server has among others.
 */
export function createAgent(room: () => Room): Server {
  const agent = createServer((socket) => {
    socket.on("error", () => socket.destroy()); // who asked is gone
    socket.setTimeout(TAKE_MS, () => socket.destroy());
    socket.end(agentLine(room()));
    socket.resume(); // what HAProxy's `agent-send` says
  });
  agent.maxConnections = MAX_CONNECTIONS;
  return agent;
}

/** Never 0 %: that is how a server is drained. One that is full refuses by itself. */
export function agentLine({ state, free }: Room): string {
  return state === "drain" ? "drain\n" : `ready ${Math.max(1, Math.round(100 * free))}%\n`;
}
