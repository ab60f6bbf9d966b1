import {
  Camera,
  type Capture,
  type Connection,
  type ConnectionState,
  isPlayable,
  type Source,
  SourceError,
  type Tracks,
} from "../../sdk/mod.ts";
import type { Live } from "./live.ts";
import {
  cannotSend,
  connectionProblem,
  NOTHING_FITS,
  type Problem,
  sourceGone,
  sourceProblem,
} from "./problems.ts";
import type { Replay } from "./replay.ts";
import type { SourceChoice } from "./source_choice.ts";

/** Frames in a row that could not be sent: waiting longer does not help. */
const TOO_MANY_FAILURES = 10;

/** What the player is at. */
export type PlayerState =
  | { name: "idle" }
  /** Something is awaited; `what` says what. */
  | { name: "opening"; what: string }
  /** Results come, from a server or from a recording. */
  | { name: "running"; what: "Live" | "Replay" }
  /** All is open, but the source shows nothing new. */
  | { name: "troubled"; problem: Problem }
  /** The picture stays; the server is tried again in so many milliseconds. */
  | { name: "reconnecting"; why: string; inMs: number }
  | { name: "failed"; problem: Problem };

/** What to open, and how. */
export interface PlayerParts {
  choice: Pick<SourceChoice, "kind" | "files" | "open" | "maxSide" | "maxRate">;
  /** Connects to the server, for a run that begins. */
  live(shown: (tracks: Tracks, frame: ImageBitmap | null) => void): Live;
  /** @throws {SourceError} where the files are no recording with its video. */
  replay(files: File[]): Promise<Replay>;
}

/** What the player tells. */
export interface PlayerEvents {
  state(state: PlayerState): void;
  /** What can be held plays, or is held. */
  held(): void;
  /** A run with a server has begun, which lasts until `ended`. */
  began(live: Live): void;
  ended(): void;
  /** The source of the run is given up for another. */
  exchanging(): void;
  /** A capture has begun, or has other limits. */
  captures(capture: Capture, connection: Connection): void;
  /** The capture is about to be given other limits. */
  releases(): void;
  /** A result, whoever it came from, and its frame to look at meanwhile. */
  shown(tracks: Tracks, frame: ImageBitmap | null): void;
  /** A recording plays over a video that may not be its own. */
  unnamed(video: string, recorded: string): void;
}

/**
 * What the page plays: a source whose frames go to the server, or a recording
 * without one. It knows no element of the page.
 */
export class Player {
  #state: PlayerState = { name: "idle" };
  #live: Live | undefined;
  #replay: Replay | undefined;
  /** Counts the runs: a replay that opens after a later run began is unwanted. */
  #runs = 0;
  #failures = 0;
  /** The camera that went away under a run. */
  #lost: { deviceId: string | undefined; label: string } | undefined;

  constructor(readonly parts: PlayerParts, readonly events: PlayerEvents) {}

  get state(): PlayerState {
    return this.#state;
  }

  /** Whether there is something to stop. */
  get isOn(): boolean {
    return this.#state.name !== "idle" && this.#state.name !== "failed";
  }

  get live(): Live | undefined {
    return this.#live;
  }

  get replay(): Replay | undefined {
    return this.#replay;
  }

  get source(): Source | undefined {
    return this.#live?.source ?? this.#replay?.source;
  }

  /** Ends what runs, and begins with what is chosen: connection and source open side by side. */
  start(): void {
    this.#end();
    if (this.parts.choice.kind === "recording") return void this.#openReplay();
    const live = this.parts.live((tracks, frame) => this.#shown(tracks, frame));
    this.#live = live;
    live.connection.on("state", (state) => live === this.#live && this.#connection(state));
    this.events.began(live);
    void this.#openSource(live);
  }

  stop(): void {
    this.#end();
    this.#enter({ name: "idle" });
  }

  /** Another source was chosen: what runs goes on with it. */
  sourceChosen(): void {
    if (this.parts.choice.kind === "recording") this.start();
    else if (this.#live) void this.#openSource(this.#live);
    else if (this.isOn) this.start(); // a replay runs, or is being read
  }

  /** Files were chosen, which is a wish to see them. */
  filesChosen(): void {
    if (this.#live) this.sourceChosen();
    else this.start();
  }

  /** Other limits were chosen. */
  limitsChosen(): void {
    const live = this.#live;
    if (!live) return;
    this.events.releases();
    live.limit(this.parts.choice);
    if (live.capture) this.events.captures(live.capture, live.connection);
  }

  /** These cameras are there now: a run goes on that lost one of them. */
  camerasChanged(cameras: Pick<MediaDeviceInfo, "deviceId" | "label">[]): void {
    const lost = this.#lost;
    const isBack = cameras.some(({ deviceId, label }) =>
      lost?.deviceId ? deviceId === lost.deviceId : label === lost?.label
    );
    if (isBack) this.start();
  }

  /** Plays or pauses what can be held. */
  toggleHold(): void {
    const held = this.source;
    if (!held || !isPlayable(held)) return;
    if (held.playing) held.pause();
    else held.play();
    this.events.held();
  }

  /** Points or options were changed: a source that is held shows it with the frame that it stands at. */
  refresh(): void {
    const held = this.#live?.source;
    if (held && isPlayable(held) && !held.playing) this.#live!.capture?.sendAgain();
  }

  async #openSource(live: Live): Promise<void> {
    const { choice } = this.parts;
    const what = choice.kind === "camera"
      ? "Waiting for the camera: please allow it"
      : "Connecting…";
    this.#enter({ name: "opening", what });
    this.events.exchanging();
    this.limitsChosen();
    try {
      const source = await live.use(() => choice.open());
      if (!source) return;
      const camera = source instanceof Camera
        ? { deviceId: source.settings.deviceId, label: source.label }
        : undefined;
      source.onEnded(() => {
        if (live.source !== source) return;
        this.#fail(sourceGone(choice.kind, source.label));
        this.#lost = camera;
      });
      if (source instanceof Camera) {
        source.onTrouble(() => live.source === source && this.#lookForTrouble());
      }
      this.#failures = 0;
      live.capture!.on("error", (error) => this.#captureFailed(live, error));
      this.events.captures(live.capture!, live.connection);
      this.#enter({ name: "opening", what: "Waiting for the first points…" });
    } catch (error) {
      if (live === this.#live) this.#fail(sourceProblem(error));
    }
  }

  async #openReplay(): Promise<void> {
    const run = this.#runs;
    this.#enter({ name: "opening", what: "Reading the recording…" });
    try {
      const replay = await this.parts.replay(this.parts.choice.files);
      if (run !== this.#runs) return replay.close();
      this.#replay = replay;
      const failed = (problem: Problem) => replay === this.#replay && this.#fail(problem);
      const { source, recording } = replay;
      source.onEnded(() => failed(sourceGone("recording", source.label)));
      replay.play({
        shown: (tracks, frame) => this.#shown(tracks, frame),
        nothingFits: () => failed(NOTHING_FITS),
      });
      this.#enter({ name: "running", what: "Replay" });
      if (!recording.isNamed) this.events.unnamed(source.label, recording.header.source);
    } catch (error) {
      if (run === this.#runs) this.#fail(sourceProblem(error));
    }
  }

  #shown(tracks: Tracks, frame: ImageBitmap | null): void {
    this.#failures = 0;
    this.events.shown(tracks, frame);
    if (this.#state.name === "running" || this.#state.name === "troubled") return;
    this.#enter({ name: "running", what: this.#live ? "Live" : "Replay" });
  }

  #connection(state: ConnectionState): void {
    if (state.name === "reconnecting") {
      this.#enter({ name: "reconnecting", why: state.error.message, inMs: state.inMs });
    } else if (state.name === "closed" && state.error) {
      this.#fail(connectionProblem(state.error));
    } else if (state.name === "open" && this.#state.name === "reconnecting") {
      this.#enter({ name: "running", what: "Live" });
      this.#lookForTrouble();
    }
  }

  /** What keeps the camera from showing anything, or that it shows something again. */
  #lookForTrouble(): void {
    if (this.#state.name === "reconnecting") return; // that comes first
    const { source } = this;
    const trouble = source instanceof Camera ? source.trouble : null;
    if (trouble) {
      this.#enter({
        name: "troubled",
        problem: { title: trouble.message, text: trouble.remedy },
      });
    } else if (this.#state.name === "troubled") {
      this.#enter({ name: "running", what: "Live" });
    }
  }

  /** One frame that cannot be sent may be the only one; a source that gives none stays so. */
  #captureFailed(live: Live, error: Error): void {
    if (live !== this.#live) return;
    if (error instanceof SourceError) this.#fail(sourceProblem(error));
    else if (++this.#failures >= TOO_MANY_FAILURES) this.#fail(cannotSend(error.message));
  }

  #fail(problem: Problem): void {
    this.#end();
    this.#enter({ name: "failed", problem });
  }

  #end(): void {
    this.#runs++;
    this.#lost = undefined;
    const runs = [this.#live, this.#replay];
    this.#live = this.#replay = undefined;
    this.events.ended();
    for (const run of runs) run?.close();
  }

  #enter(state: PlayerState): void {
    this.#state = state;
    this.events.state(state);
  }
}
