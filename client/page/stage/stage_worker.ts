import { type StageMessage, StagePainter } from "./stage_painter.ts";

/** The worker that paints the stage, so that painting never holds up a frame or a click. */
let painter: StagePainter | undefined;

globalThis.onmessage = ({ data }: MessageEvent<StageMessage>) => {
  if (data.type === "canvas") {
    painter = new StagePainter(data.canvas, (painted) => postMessage(painted));
  } else painter?.take(data);
};
