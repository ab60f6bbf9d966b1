/** Answers two frames as the wasm engine's worker does, and then no more. */
import type { Answer, Ready, Request } from "../../wasm/messages.ts";

const tell = (message: Ready | Answer) => (self as unknown as Worker).postMessage(message);
let frames = 0;

self.onmessage = ({ data }: MessageEvent<Request & { call: number } | { kind?: undefined }>) => {
  if (data.kind === undefined) return tell({ kind: "ready", version: "hanging" });
  if (data.kind === "advance" && ++frames > 3) return;
  const result = {
    width: 64,
    height: 64,
    continues: false,
    xy: new Float32Array(),
    status: new Uint8Array(),
    error: new Float32Array(),
    fb: new Float32Array(),
    decodeMs: 0,
    trackMs: 0,
  };
  tell({ kind: "result", call: data.call, result } as Answer);
};
