/**
 * The lkstream SDK: a connection to an lkstream server, a capture that sends it
 * what a video, canvas or track shows, and a governor that keeps the round trip
 * short. The connection runs in pages, workers, Deno and Node 22, captures in
 * pages and workers; cameras and other sources need a page.
 *
 * ```ts
 * import { capture, connect, govern, openCamera } from "http://localhost:8000/lkstream.js";
 *
 * const camera = await openCamera({ facing: "environment" });
 * document.body.append(camera.picture);
 * const connection = connect("http://localhost:8000");
 * const capturing = capture(camera.picture, connection);
 * const governor = govern(capturing, connection, { targetMs: 80 });
 * connection.on("tracks", ({ seq, points }) => console.log(seq, points.id.length));
 * ```
 *
 * @module
 */
import "./dispose.ts"; // first
export * from "./sources/camera.ts";
export * from "./sources/camera_error.ts";
export * from "./capture/capture.ts";
export * from "./connection/connection.ts";
export * from "./connection/errors.ts";
export type { Measured } from "./connection/flight.ts";
export type { FrameTimes, Spent } from "./connection/frame_times.ts";
export type { Attachable, FrameCallback, Frames, Picture } from "./capture/frames.ts";
export { watchFrames } from "./capture/watch_frames.ts";
export * from "./governor/governor.ts";
export type { Spread } from "./meter.ts";
export * from "./sources/images.ts";
export * from "./sources/sample.ts";
export * from "./sources/screen.ts";
export * from "./sources/source.ts";
export { SourceError } from "./sources/source_error.ts";
export * from "./sources/video_file.ts";
export type { TroubleName } from "./sources/camera_health.ts";
export * from "./sources/watch_camera.ts";
export {
  type About,
  decodeTracks,
  defaultOptions,
  type EngineInfo,
  type Feature,
  type Hello,
  type Limits,
  LOST_REASONS,
  type LostReason,
  mergeOptions,
  OPTIONS,
  type Options,
  type PartialOptions,
  type PointColumns,
  ProtocolError,
  type ReadReason,
  reasonOf,
  type ResultForm,
  type Stats,
  type Timing,
  type Tracks,
  tracksFromJson,
  type TracksJson,
  tracksToJson,
} from "../../protocol/mod.ts";
