import "./page.css";
import "./panels.css";
import { CameraError, connect, type ConnectionState, type LkstreamError } from "../sdk/mod.ts";
import { byId } from "./elements.ts";
import { tell } from "./events.ts";
import { Live } from "./live.ts";
import { Panels } from "./panels/panels.ts";
import { takeParams } from "./params.ts";
import { Picked } from "./picked.ts";
import { SourceChoice } from "./source_choice.ts";
import { type Mode, Stage } from "./stage.ts";
import { type Problem, Status } from "./status.ts";

const params = takeParams();
const stage = new Stage();
const picked = new Picked(stage);
const status = new Status();
const choice = new SourceChoice(() => void useSource());
const start = byId("start", HTMLButtonElement);
const stop = byId("stop", HTMLButtonElement);
const retry = byId("retry", HTMLButtonElement);
const mode = byId("mode", HTMLSelectElement);

let live: Live | undefined;
const panels = new Panels({
  configure: (change) => live?.connection.configure(change),
  choose: (id) => picked.choose(id),
  governor: params.governor,
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

if (params.source === "sample") choice.chooseSample();
if (params.autostart) begin();

/** Start: connection and source open side by side. */
function begin(): void {
  end();
  const connection = connect(location.origin, { token: params.token, options: panels.changes() });
  live = new Live(connection, stage, (tracks, frame) => {
    panels.take(tracks, frame);
    if (!status.isLive) status.live();
    tell("lkstream:tracks", tracks);
  });
  live.mode = mode.value as Mode;
  stop.disabled = false;
  connection.on("state", connectionState);
  connection.on("error", (error) => console.warn(error.message));
  panels.follow(live);
  void useSource();
}

/** Stop, or something that ends the run. */
function end(): void {
  panels.leave();
  live?.close();
  live = undefined;
  stop.disabled = true;
}

/** Opens the chosen source, at the start or in exchange for another. */
async function useSource(): Promise<void> {
  const run = live;
  if (!run) return;
  status.connecting(choice.isSample ? "Connecting…" : "Waiting for the camera: please allow it");
  run.maxSide = choice.maxSide;
  try {
    const source = await run.use(() => choice.open());
    if (!source) return;
    source.onEnded(() => {
      if (run.source === source) fail(cameraGone(source.label));
    });
    panels.govern(run.capture!, run.connection);
    run.capture?.on("error", (error) => console.warn(error.message));
    status.connecting("Waiting for the first points…");
  } catch (error) {
    if (run === live) fail(cameraProblem(error));
  }
}

function connectionState(state: ConnectionState): void {
  if (state.name === "reconnecting") status.reconnecting(state.error.message, state.inMs);
  else if (state.name === "closed" && state.error) fail(connectionProblem(state.error));
}

function fail(problem: Problem): void {
  const hadFocus = document.activeElement === stop;
  end();
  status.problem(problem);
  if (hadFocus) retry.focus();
}

function cameraGone(label: string): Problem {
  return {
    title: "The camera is gone",
    text: `“${label}” was unplugged or taken by the system. Connect it again, or choose another.`,
  };
}

function cameraProblem(error: unknown): Problem {
  if (error instanceof CameraError) return { title: error.message, text: error.remedy };
  return { title: "The source cannot be opened", text: String(error) };
}

function connectionProblem({ code, message }: LkstreamError): Problem {
  if (code === "unauthorized") {
    return {
      title: "This server asks for a token",
      text: "Open the address with ?token=TOKEN at its end: the token the server was started with.",
    };
  }
  return { title: "The server ended the session", text: `${message}.` };
}
