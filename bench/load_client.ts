/**
 * One client process of the round-trip bench: `load_client.ts URL WIDTH HEIGHT
 * UNANSWERED SECONDS`. Prints the round trips in milliseconds as JSON.
 */
import { WebSocket } from "ws"; // Deno's own holds back what is not acknowledged (Nagle): up to 40 ms
import { decodeTracks, encodeFrame } from "../protocol/mod.ts";
import { makeClip } from "./clip.ts";

const [url, ...numbers] = Deno.args;
const [width, height, unanswered, seconds] = numbers.map(Number);
const { jpegs } = makeClip(width, height);
const socket = new WebSocket(`${url.replace("http", "ws")}/v1/stream`, "lkstream.v1.bin");
socket.binaryType = "arraybuffer";

const roundTrips: number[] = [];
let seq = 0, dropped = 0, end = Infinity;

function send(): void {
  const jpeg = jpegs[seq % jpegs.length];
  socket.send(encodeFrame({ seq: seq++, timestamp: performance.now(), jpeg }));
}

socket.onmessage = ({ data }) => {
  if (typeof data === "string") { // hello
    end = performance.now() + seconds * 1000;
    for (let i = 0; i < unanswered; i++) send();
    return;
  }
  const tracks = decodeTracks(data as ArrayBuffer);
  const now = performance.now();
  roundTrips.push(now - tracks.timestamp);
  dropped += tracks.dropped;
  if (now < end) { for (let i = 0; i <= tracks.dropped; i++) send(); }
  else socket.close();
};
socket.onclose = () => console.log(JSON.stringify({ roundTrips, dropped }));
