/**
 * The module that runs in each worker of the opencv.js engine. Requests are
 * worked off one after the other. What it does not expect (a WebAssembly trap,
 * memory that ran out, a message that makes no sense) is not caught: the worker
 * dies of it, and its {@linkcode Lane} starts another.
 */
import { EngineError, FrameError } from "../tracking/engine.ts";
import { JpegDecoder } from "./jpeg.ts";
import {
  type Answer,
  type Failure,
  type Numbered,
  placeOf,
  type Ready,
  type Results,
  type Start,
} from "./messages.ts";
import { loadOpenCv, openCvVersion } from "./opencv.ts";
import { Sequence, type Tools } from "./sequence.ts";

self.onmessage = ({ data }: MessageEvent<Start>) => start(data);

async function start({ maxFramePixels, ended }: Start): Promise<void> {
  const { cv } = await loadOpenCv();
  let atWork = 0;
  const isEnded = () => Atomics.load(ended, 0) !== 0 || Atomics.load(ended, placeOf(atWork)) !== 0;
  const tools = { cv, jpeg: await JpegDecoder.load(), maxFramePixels, isEnded };
  const sequences = new Map<number, Sequence>();
  self.onmessage = ({ data }: MessageEvent<Numbered>) => {
    atWork = data.call;
    answer(data, tools, sequences);
  };
  self.postMessage({ kind: "ready", version: openCvVersion(cv) } satisfies Ready);
}

function answer(request: Numbered, tools: Tools, sequences: Map<number, Sequence>): void {
  const { call } = request;
  try {
    const result = work(request, tools, sequences);
    const reply: Answer = { kind: "result", call, result };
    self.postMessage(reply, { transfer: buffersOf(result) });
  } catch (error) {
    self.postMessage({ kind: "failure", call, failure: describe(error) } satisfies Answer);
  }
}

function work(
  request: Numbered,
  tools: Tools,
  sequences: Map<number, Sequence>,
): Results[Numbered["kind"]] {
  let sequence = sequences.get(request.sequence);
  if (request.kind === "close") {
    sequence?.[Symbol.dispose]();
    sequences.delete(request.sequence);
    return null;
  }
  if (!sequence) sequences.set(request.sequence, sequence = new Sequence(tools));
  switch (request.kind) {
    case "advance":
      return sequence.advance(request.frame, request.points, request.options, request.guess);
    case "detect":
      return sequence.detect(request.options, request.avoid, request.mask);
    case "take":
      return sequence.take(request.points, request.size);
    case "compare":
      return sequence.compare(request.points, request.kept);
  }
}

function buffersOf(result: Results[Numbered["kind"]]): ArrayBuffer[] {
  const columns = Object.values(result ?? {}).filter(ArrayBuffer.isView);
  return columns.map((column) => column.buffer as ArrayBuffer);
}

function describe(error: unknown): Failure {
  if (error instanceof FrameError) {
    return { name: "FrameError", code: error.code, message: error.message };
  }
  if (error instanceof EngineError) return { name: "EngineError", message: error.message };
  throw error;
}
