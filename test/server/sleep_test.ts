/** A machine that slept, or a server that was stopped, cuts nobody off who was not late before. */
import assert from "node:assert/strict";
import { encodeFrame } from "../../protocol/mod.ts";
import { clientFrame, dial, openSession } from "../../bench/attack/peer.ts";
import { findListener } from "../../bench/process.ts";
import { Looks } from "../../server/looks.ts";
import { Client } from "../lib/client.ts";
import { picture } from "../lib/commands.ts";
import { STILL } from "../lib/images.ts";
import { start } from "../lib/running.ts";

const BINARY = 2;
/** Longer than the limits of the server that is stopped. */
const SLEEP_MS = 2500;
const ARGS = ["--idle-timeout", "1", "--message-timeout", "1", "--handshake-timeout", "1"];

Deno.test("looks: a wait ends after as many looks as it has, and another one for the sockets", async () => {
  const looks = new Looks(10);
  let isLate = false;
  looks.wait(20, () => isLate = true);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200); // sleeps through all of it
  await new Promise((later) => setTimeout(later, 0));
  assert.ok(!isLate);
  while (!isLate) await new Promise((later) => setTimeout(later, 1));
  const end = looks.wait(10, () => assert.fail("it was ended"));
  end();
  end();
});

Deno.test({
  name:
    "sleep: stopped for longer than every limit, the server cuts off none of who sent meanwhile",
  ignore: Deno.build.os !== "linux", // finds the server's process in /proc
  async fn() {
    const server = await start({ args: ["--engine", "wasm", ...ARGS] });
    const pid = findListener(Number(new URL(server.url).port))!;
    const message = encodeFrame({ seq: 7, timestamp: 0, jpeg: picture(STILL) });
    try {
      const whole = await Client.connect(server.url);
      const half = await openSession(server.url);
      const asking = await dial(server.url);
      const bytes = clientFrame(BINARY, message);
      half.write(bytes.subarray(0, 1000));
      asking.write("GET /healthz HTTP/1.1\r\n");
      whole.say({ type: "stats" });
      await whole.nextOf("stats"); // all of it is read by now
      Deno.kill(pid, "SIGSTOP");
      whole.send(message);
      half.write(bytes.subarray(1000));
      asking.write("Host: localhost\r\n\r\n");
      const answers = [half, asking].map((socket) =>
        new Promise<string>((answered) => {
          socket.once("data", (data) => answered(data.toString("latin1")));
          socket.once("close", () => answered("closed"));
        })
      );
      await new Promise((later) => setTimeout(later, SLEEP_MS));
      Deno.kill(pid, "SIGCONT");
      assert.equal((await whole.nextOf("tracks"))?.tracks.seq, 7);
      const [tracks, healthz] = await Promise.all(answers);
      assert.equal(tracks.charCodeAt(0), 0x82, "the answer is no binary message"); // not 0x88, close
      assert.match(healthz, /^HTTP\/1\.1 200 /);
      half.destroy();
      asking.destroy();
      await whole.close();
    } finally {
      await server.stop();
    }
  },
});
