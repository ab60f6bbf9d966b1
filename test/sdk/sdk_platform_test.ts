import assert from "node:assert/strict";
import { WebSocket as WsSocket } from "ws";
import { connect, type Connection, type Tracks } from "../../client/sdk/mod.ts";
import { HEADER_ONLY_JPEG as JPEG } from "../lib/header_only_jpeg.ts";
import { withServer } from "../lib/serving.ts";

const CORNERS = [{ corners: [[10, 10], [30, 40]] as [number, number][] }];

/** Sends one frame once the connection is open. */
function trackOne(connection: Connection): Promise<Tracks> {
  return new Promise((resolve) => {
    connection.on("tracks", resolve);
    connection.on("state", ({ name }) => name === "open" && connection.send(JPEG));
  });
}

/** The class of `ws` with a note of when each socket is closed. */
function watchedWs() {
  const closed: Promise<unknown>[] = [];
  class Watched extends WsSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols);
      closed.push(new Promise((resolve) => this.once("close", resolve)));
    }
  }
  return { Watched, closed };
}

Deno.test("sdk: with the class of another package the connection is the same", () =>
  withServer({}, async (url) => {
    const { Watched, closed } = watchedWs();
    const connection = connect(url, { WebSocket: Watched });
    const { points } = await trackOne(connection);
    assert.deepEqual([...points.xy], [10, 10, 30, 40]);
    connection.close();
    await Promise.all(closed);
  }, CORNERS));

Deno.test("sdk: a class that throws unheard errors does not end the program", async () => {
  const { Watched, closed } = watchedWs();
  const nobody = "http://127.0.0.1:9";
  const connection = connect(nobody, { WebSocket: Watched, pauseMs: () => 5 });
  await new Promise<void>((resolve) => {
    connection.on("state", (state) => {
      if (state.name === "reconnecting" && state.attempt === 2) resolve();
    });
  });
  connection.close();
  connect(nobody, { WebSocket: Watched }).close(); // before it is open
  await Promise.all(closed);
});

Deno.test("sdk: columns of points are views of one buffer, the message", () =>
  withServer({}, async (url) => {
    const { Watched, closed } = watchedWs();
    const connection = connect(url, { WebSocket: Watched });
    const { points, lost } = await trackOne(connection);
    const { buffer } = points.id;
    assert.equal(buffer.byteLength, 64 + 32 * points.id.length);
    for (const column of [...Object.values(points), ...Object.values(lost)]) {
      assert.equal(column.buffer, buffer);
    }
    connection.close();
    await Promise.all(closed);
  }, CORNERS));

Deno.test("sdk: where there is no WebSocket, that is said", () => {
  const native = globalThis.WebSocket;
  try {
    Reflect.deleteProperty(globalThis, "WebSocket");
    assert.throws(() => connect("http://127.0.0.1:9"), {
      name: "TypeError",
      message: /^Cannot connect without WebSocket: allowed are platforms that have it/,
    });
  } finally {
    globalThis.WebSocket = native;
  }
});
