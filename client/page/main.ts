import "./page.css";
import "./panels.css";
import "./stage.css";
import {
  Camera,
  connect,
  type ConnectionState,
  Images,
  isPlayable,
  type LkstreamError,
  type Source,
  SourceError,
  type Tracks,
  VideoFile,
} from "../sdk/mod.ts";
import { mention } from "./ui/banner.ts";
import { DrawingPanel } from "./panels/drawing_panel.ts";
import { EditTools } from "./edit/edit_tools.ts";
import { byId, setText } from "./ui/elements.ts";
import { tell } from "./ui/events.ts";
import { Live } from "./run/live.ts";
import { Panels } from "./panels/panels.ts";
import { takeParams, takeToken } from "./run/params.ts";
import { Picked } from "./panels/picked.ts";
import { RecordPanel } from "./record/record_panel.ts";
import { Replay } from "./run/replay.ts";
import { SourceChoice } from "./run/source_choice.ts";
import { type Mode, Stage } from "./stage/stage.ts";
import { type Problem, Status } from "./ui/status.ts";

const TOO_MANY_FAILURES = 10;

const params = takeParams();
addEventListener("hashchange", useToken); // before the panel of options reads the fragment
const stage = new Stage();
new Picked(stage);
new DrawingPanel((drawing) => stage.drawing = drawing);
const tools = new EditTools(stage, toggleHold, changed);
const recorder = new RecordPanel(stage, recorded);
const status = new Status();
const choice = new SourceChoice({
  source: () => void (choice.kind === "recording" ? begin() : useSource()),
  files: () => choice.kind === "recording" || !live ? begin() : void useSource(),
  limits: applyLimits,
  unplayable: () => mention("What was dropped is no video, image or recording"),
});
const start = byId("start", HTMLButtonElement);
const stop = byId("stop", HTMLButtonElement);
const retry = byId("retry", HTMLButtonElement);
const mode = byId("mode", HTMLSelectElement);
const hold = byId("hold", HTMLButtonElement);

/** A run with a server, or one without. */
let live: Live | undefined;
let replay: Replay | undefined;
/** Counts the runs: a replay that opens after a later run began is unwanted. */
let runs = 0;
/** Frames in a row that could not be sent. */
let failures = 0;
const panels = new Panels({
  configure: (change) => live?.connection.configure(change),
  place: (x, y) => stage.view && [stage.view.x(x), stage.view.y(y)],
  governor: params.governor,
  problems: params.problems,
});

start.addEventListener("click", () => {
  begin();
  stop.focus(); // Start is gone, and the keyboard should not be lost with it
});
stop.addEventListener("click", () => {
  end();
  status.idle();
  start.focus();
});
retry.addEventListener("click", begin);
hold.addEventListener("click", toggleHold);
for (const id of ["try-sample", "use-sample"]) {
  byId(id, HTMLButtonElement).addEventListener("click", () => {
    choice.chooseSample();
    begin();
  });
}
mode.addEventListener("change", () => {
  if (live) live.mode = mode.value as Mode;
});
byId("controls", HTMLFormElement).addEventListener("submit", (event) => event.preventDefault());
choice.acceptDrops(stage.box);

if (params.source === "sample") choice.chooseSample();
if (params.autostart) begin();

/** Somebody wrote the token behind the address of a page that is open. */
function useToken(): void {
  const token = takeToken();
  if (token === undefined) return;
  params.token = token;
  if (live || status.hasProblem) begin();
}

/** Start: connection and source open side by side. */
function begin(): void {
  end();
  if (choice.kind === "recording") return void beginReplay();
  const connection = connect(location.origin, { token: params.token, options: panels.changes() });
  live = new Live(connection, stage, (tracks, frame) => {
    tools.edits.result(tracks);
    shown(tracks, frame);
  });
  live.mode = mode.value as Mode;
  stop.disabled = false;
  connection.on("state", connectionState);
  connection.on("resumed", ({ live }) => mention(`Reconnected: ${live} points live on`));
  connection.on("anew", () => {
    tools.edits.newSession();
    mention("Reconnected: points begin anew");
  });
  connection.on("configured", changed);
  connection.on("error", (error) => console.warn(error.message));
  panels.follow(live);
  tools.edits.attach(connection);
  void useSource();
}

/** A recording over its video. */
async function beginReplay(): Promise<void> {
  const run = runs;
  stop.disabled = false;
  status.connecting("Reading the recording…");
  try {
    const opened = await Replay.open(choice.files);
    if (run !== runs) return opened.close();
    replay = opened;
    opened.source.onEnded(() => replay === opened && fail(sourceGone(opened.source.label)));
    opened.play(stage, { shown, nothingFits: () => replay === opened && fail(NOTHING_FITS) });
    status.live("Replay");
    const { isNamed, header } = opened.recording;
    if (!isNamed) mention(unnamed(opened.source.label, header.source));
    showHold();
  } catch (error) {
    if (run === runs) fail(sourceProblem(error));
  }
}

/** Stop, or something that ends the run. */
function end(): void {
  runs++;
  void recorder.stop();
  panels.leave();
  tools.edits.attach(undefined);
  live?.close();
  replay?.close();
  live = replay = undefined;
  stop.disabled = true;
  showHold();
}

/** Opens the chosen source, at the start or in exchange for another. */
async function useSource(): Promise<void> {
  const run = live;
  if (!run) return stop.disabled ? undefined : begin(); // a replay runs, or is being read
  status.connecting(
    choice.kind === "camera" ? "Waiting for the camera: please allow it" : "Connecting…",
  );
  tools.edits.forget();
  void recorder.stop("The source was changed"); // its frames are on another clock
  applyLimits();
  try {
    const source = await run.use(() => choice.open());
    if (!source) return;
    source.onEnded(() => {
      if (run.source === source) fail(sourceGone(source.label));
    });
    if (source instanceof Camera) source.onTrouble(() => run.source === source && showTrouble());
    panels.govern(run.capture!, run.connection);
    failures = 0;
    run.capture?.on("error", (error) => captureFailed(run, error));
    status.connecting("Waiting for the first points…");
  } catch (error) {
    if (run === live) fail(sourceProblem(error));
  }
  showHold();
}

/** One frame that cannot be sent may be the only one; after many, waiting does not help. */
function captureFailed(run: Live, error: Error): void {
  const { message } = error;
  console.warn(message);
  if (run === live && error instanceof SourceError) return fail(sourceProblem(error));
  if (run !== live || ++failures < TOO_MANY_FAILURES) return;
  fail({ title: "The picture cannot be sent", text: `${message}.` });
}

/** A result, whoever it came from, and its frame to look at meanwhile. */
function shown(tracks: Tracks, frame: ImageBitmap | null): void {
  failures = 0;
  panels.take(tracks, frame);
  recorder.result(tracks, frame);
  if (!status.isLive && !status.isTroubled) status.live(live ? "Live" : "Replay");
  tell("lkstream:tracks", tracks);
}

function applyLimits(): void {
  if (!live) return;
  panels.release();
  live.limit(choice);
  if (live.capture) panels.govern(live.capture, live.connection);
  if (live.source instanceof Images) live.source.rate = choice.maxRate;
}

function source(): Source | undefined {
  return live?.source ?? replay?.source;
}

function recorded() {
  const { label } = source() ?? {};
  if (label === undefined || !stage.shown) return undefined;
  if (replay) return { label, origin: replay.recording.header.origin };
  // A file's frames have their place in it as their time; others begin with what is recorded first.
  return { label, origin: source() instanceof VideoFile ? 0 : undefined };
}

/** Plays or pauses what can be held. */
function toggleHold(): void {
  const held = source();
  if (!held || !isPlayable(held)) return;
  if (held.playing) held.pause();
  else held.play();
  showHold();
}

/** Points or options were changed: a source that is held shows it with the frame that it stands at. */
function changed(): void {
  const held = live?.source;
  if (held && isPlayable(held) && !held.playing) live!.capture?.sendAgain();
}

function showHold(): void {
  const held = source();
  const playable = held !== undefined && isPlayable(held);
  hold.hidden = !playable;
  if (playable) setText(hold, held.playing ? "Pause" : "Play");
}

function connectionState(state: ConnectionState): void {
  if (state.name === "reconnecting") status.reconnecting(state.error.message, state.inMs);
  else if (state.name === "closed" && state.error) fail(connectionProblem(state.error));
  else if (state.name === "open" && status.reconnected()) showTrouble();
}

/** What keeps the camera from showing anything, or that it shows something again. */
function showTrouble(): void {
  if (status.isReconnecting) return; // that comes first
  const trouble = live?.source instanceof Camera ? live.source.trouble : null;
  if (trouble) {
    const { message: title, remedy: text } = trouble;
    status.troubled({ title, text }, stage.shown !== undefined);
  } else if (status.isTroubled) status.live("Live");
}

function fail(problem: Problem): void {
  const hadFocus = document.activeElement === stop;
  end();
  status.problem(problem);
  if (hadFocus) retry.focus();
}

const NOTHING_FITS: Problem = {
  title: "The recording is not of this video",
  text: "None of its results is on a frame of it. Choose the video that belongs to it.",
};

function unnamed(video: string, source: string): string {
  return `“${video}” has neither the name of what was recorded, “${source}”, nor that of a video ` +
    "recorded with it: points may be beside what they follow";
}

function sourceGone(label: string): Problem {
  if (choice.kind !== "camera") {
    return { title: "The source ended", text: `“${label}” shows nothing any more.` };
  }
  return {
    title: "The camera is gone",
    text: `“${label}” was unplugged or taken by the system. Connect it again, or choose another.`,
  };
}

function sourceProblem(error: unknown): Problem {
  if (error instanceof SourceError) return { title: error.message, text: error.remedy };
  return { title: "The source cannot be opened", text: String(error) };
}

function connectionProblem({ code, message }: LkstreamError): Problem {
  if (code === "unauthorized") {
    return {
      title: "This server asks for a token",
      text: "Open the address with #token=TOKEN at its end: the token the server was started with.",
      sampleHelps: false,
    };
  }
  return { title: "The server ended the session", text: `${message}.` };
}
