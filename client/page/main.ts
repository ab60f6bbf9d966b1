import "./page.css";
import "./panels.css";
import "./stage.css";
import "./small.css"; // these after what they change
import "./contrast.css";
import { connect, isPlayable, VideoFile } from "../sdk/mod.ts";
import { mention } from "./ui/banner.ts";
import { DrawingPanel } from "./panels/drawing_panel.ts";
import { EditTools } from "./edit/edit_tools.ts";
import { offerFullScreen } from "./stage/full_screen.ts";
import { byId, setText } from "./ui/elements.ts";
import { tell } from "./ui/events.ts";
import { keepForLater } from "./run/kept.ts";
import { LensControls } from "./run/lens_controls.ts";
import { Live } from "./run/live.ts";
import { Panels } from "./panels/panels.ts";
import { takeParams, takeToken } from "./run/params.ts";
import { Picked } from "./panels/picked.ts";
import { Player } from "./run/player.ts";
import { RecordPanel } from "./record/record_panel.ts";
import { Replay } from "./run/replay.ts";
import { SourceChoice } from "./run/source_choice.ts";
import { type Mode, Stage } from "./stage/stage.ts";
import { Status } from "./ui/status.ts";
import { tellOfBackground } from "./run/background.ts";
import { WakeLock } from "./run/wake_lock.ts";

const params = takeParams();
addEventListener("hashchange", useToken); // before the panel of options reads the fragment
const stage = new Stage();
new Picked(stage);
new DrawingPanel((drawing) => stage.drawing = drawing);
const status = new Status();
const choice = new SourceChoice({
  source: () => player.sourceChosen(),
  files: () => player.filesChosen(),
  limits: () => player.limitsChosen(),
  cameras: (cameras) => player.camerasChanged(cameras),
  unplayable: () => mention("What was dropped is no video, image or recording"),
});
const start = byId("start", HTMLButtonElement);
const stop = byId("stop", HTMLButtonElement);
const retry = byId("retry", HTMLButtonElement);
const mode = byId("mode", HTMLSelectElement);
const hold = byId("hold", HTMLButtonElement);

const lens = new LensControls();
const wakeLock = new WakeLock();

const player = new Player({
  choice,
  live(shown) {
    const { token, stream } = params;
    const connection = connect(location.origin, { token, stream, options: panels.changes() });
    const live = new Live(connection, stage, (tracks, frame) => {
      tools.edits.result(tracks);
      shown(tracks, frame);
    });
    live.mode = mode.value as Mode;
    return live;
  },
  replay: (files) => Replay.open(files, stage),
}, {
  state(state) {
    const hadFocus = state.name === "failed" && document.activeElement === stop;
    stop.disabled = !player.isOn;
    wakeLock.wanted = player.isOn;
    status.show(state, stage.shown !== undefined);
    showHold();
    if (hadFocus) retry.focus();
  },
  held: showHold,
  began(live) {
    live.connection.on("resumed", ({ live }) => mention(`Reconnected: ${live} points live on`));
    live.connection.on("anew", () => {
      tools.edits.newSession();
      mention("Reconnected: points begin anew");
    });
    live.connection.on("configured", () => player.refresh());
    live.connection.on("error", ({ message }) => console.warn(message));
    panels.follow(live);
    tools.edits.attach(live.connection);
  },
  ended() {
    void recorder.stop();
    panels.leave();
    lens.show(undefined);
    tools.edits.attach(undefined);
  },
  exchanging() {
    tools.edits.forget();
    void recorder.stop("The source was changed"); // its frames are on another clock
  },
  captures(capture, connection) {
    panels.govern(capture, connection);
    lens.show(player.source);
  },
  releases: () => panels.release(),
  shown(tracks, frame) {
    panels.take(tracks, frame);
    recorder.result(tracks, frame);
    tell("lkstream:tracks", tracks);
  },
  unnamed: (video, recorded) =>
    mention(
      `“${video}” has neither the name of what was recorded, “${recorded}”, nor that of a video ` +
        "recorded with it: points may be beside what they follow",
    ),
});

const tools = new EditTools(stage, () => player.toggleHold(), () => player.refresh());
const recorder = new RecordPanel(stage, recorded);
const panels = new Panels({
  configure: (change) => player.live?.connection.configure(change),
  place: (x, y) => stage.view && [stage.view.x(x), stage.view.y(y)],
  governor: params.governor,
  problems: params.problems,
});

start.addEventListener("click", () => {
  player.start();
  stop.focus(); // Start is gone, and the keyboard should not be lost with it
});
stop.addEventListener("click", () => {
  player.stop();
  start.focus();
});
retry.addEventListener("click", () => player.start());
hold.addEventListener("click", () => player.toggleHold());
for (const id of ["try-sample", "use-sample"]) {
  byId(id, HTMLButtonElement).addEventListener("click", () => {
    choice.chooseSample();
    player.start();
  });
}
mode.addEventListener("change", () => {
  if (player.live) player.live.mode = mode.value as Mode;
});
byId("controls", HTMLFormElement).addEventListener("submit", (event) => event.preventDefault());
choice.acceptDrops(stage.box);
offerFullScreen(stage.box);
tellOfBackground(() => player.live !== undefined);
void keepForLater();

if (params.source === "sample") choice.chooseSample();
if (params.autostart) player.start();

/** Somebody wrote the token behind the address of a page that is open. */
function useToken(): void {
  const token = takeToken();
  if (token === undefined) return;
  params.token = token;
  if (player.live || player.state.name === "failed") player.start();
}

function showHold(): void {
  const held = player.source;
  const playable = held !== undefined && isPlayable(held);
  hold.hidden = !playable;
  if (playable) setText(hold, held.playing ? "Pause" : "Play");
}

/** What a recording that begins now is of. */
function recorded() {
  const { source, replay } = player;
  if (!source || !stage.shown) return undefined;
  if (replay) return { label: source.label, origin: replay.recording.header.origin };
  // A file's frames have their place in it as their time; others begin with what is recorded first.
  return { label: source.label, origin: source instanceof VideoFile ? 0 : undefined };
}
