/** Prints the tracks of all streams that a server publishes: `deno task start --publish nats://127.0.0.1:4222`. */
import { connect } from "@nats-io/transport-node";
import { decodeTracks } from "../../protocol/mod.ts"; // elsewhere: from "lkstream"

const [host = "127.0.0.1", port = 4222] = Deno.args;
const broker = await connect({ servers: `${host}:${port}` });
for await (const { subject, data } of broker.subscribe("lk.v1.*.tracks")) {
  const { seq, points } = decodeTracks(data);
  const [, , stream] = subject.split(".");
  console.log(stream, seq, points.id.length, "points, the first at", ...points.xy.subarray(0, 2));
}
