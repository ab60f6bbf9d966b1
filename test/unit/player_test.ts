/** What the page plays, without a page: every way in and out of each state. */
import assert from "node:assert/strict";
import type { Live } from "../../client/page/run/live.ts";
import { Player, type PlayerParts, type PlayerState } from "../../client/page/run/player.ts";
import type { Replay, ReplayEvents } from "../../client/page/run/replay.ts";
import type { SourceKind } from "../../client/page/run/source_choice.ts";
import { Camera, LkstreamError, type Source, SourceError } from "../../client/sdk/mod.ts";
import { emptyTracks } from "../lib/empty_tracks.ts";

// deno-lint-ignore no-explicit-any -- stands in for listeners of any event
type Listener = (value: any) => void;

/** Keeps listeners by event, and tells them. */
class Listeners {
  readonly #all = new Map<string, Listener[]>();
  on(event: string, listener: Listener): () => void {
    this.#all.set(event, [...this.#all.get(event) ?? [], listener]);
    return () => {};
  }
  tell(event: string, value: unknown): void {
    for (const listener of this.#all.get(event) ?? []) listener(value);
  }
}

/** A source that ends when it is told to; one that `plays` can be held. */
class FakeSource {
  playing = true;
  closed = 0;
  ended = () => {};
  play = () => void (this.playing = true);
  pause = () => void (this.playing = false);
  constructor(readonly label: string) {}
  onEnded(ended: () => void): void {
    this.ended = ended;
  }
  close(): void {
    this.closed++;
  }
}

/** A run whose server and capture say what a test wants. */
class FakeLive {
  readonly connection = new Listeners();
  capture: Listeners & { sentAgain: number } | undefined;
  source: Source | undefined;
  limits: number[] = [];
  closed = 0;
  constructor(readonly shown: () => void) {}

  async use(open: () => Source | Promise<Source>): Promise<Source | undefined> {
    const source = await open();
    if (this.closed > 0) return undefined;
    const capture = Object.assign(new Listeners(), {
      sentAgain: 0,
      sendAgain: () => capture.sentAgain++,
    });
    this.capture = capture;
    return this.source = source;
  }
  limit({ maxRate }: { maxRate: number }): void {
    this.limits.push(maxRate);
  }
  close(): void {
    this.closed++;
  }
}

/** A player with all that it plays, and what it tells. */
class Rig {
  readonly states: string[] = [];
  readonly told: string[] = [];
  readonly lives: FakeLive[] = [];
  readonly choice = {
    kind: "camera" as SourceKind,
    files: [] as File[],
    maxSide: 640,
    maxRate: 30,
    open: (): Promise<Source> => Promise.resolve(new FakeSource("a camera") as unknown as Source),
  };
  replay: () => Promise<Replay> = () => Promise.reject(new Error("no recording"));
  readonly player = new Player(
    {
      choice: this.choice,
      live: (shown) => {
        const live = new FakeLive(() => shown(emptyTracks(0), null));
        this.lives.push(live);
        return live as unknown as Live;
      },
      replay: () => this.replay(),
    } satisfies PlayerParts,
    {
      state: (state) => this.states.push(text(state)),
      held: () => this.told.push("held"),
      began: () => this.told.push("began"),
      ended: () => this.told.push("ended"),
      exchanging: () => this.told.push("exchanging"),
      captures: () => this.told.push("captures"),
      releases: () => this.told.push("releases"),
      shown: () => this.told.push("shown"),
      unnamed: (video, recorded) => this.told.push(`${video} is not ${recorded}`),
    },
  );

  get live(): FakeLive {
    return this.lives.at(-1)!;
  }
  get source(): FakeSource {
    return this.player.source as unknown as FakeSource;
  }
  /** Starts, and waits until the source is open. */
  async started(): Promise<this> {
    this.player.start();
    await settled();
    return this;
  }
}

function text(state: PlayerState): string {
  switch (state.name) {
    case "opening":
    case "running":
      return `${state.name}: ${state.what}`;
    case "reconnecting":
      return `${state.name}: ${state.why}, ${state.inMs}`;
    case "failed":
    case "troubled":
      return `${state.name}: ${state.problem.title}`;
    default:
      return state.name;
  }
}

/** Lets what is ready be done. */
async function settled(): Promise<void> {
  for (let i = 0; i < 10; i++) await Promise.resolve();
}

Deno.test("player: from Start by the source and the first result to Stop", async () => {
  const rig = await new Rig().started();
  assert.ok(rig.player.isOn);
  rig.live.shown();
  rig.live.shown();
  rig.player.stop();
  assert.deepEqual(rig.states, [
    "opening: Waiting for the camera: please allow it",
    "opening: Waiting for the first points…",
    "running: Live",
    "idle",
  ]);
  const all = ["ended", "began", "exchanging", "releases", "captures", "shown", "shown", "ended"];
  assert.deepEqual(rig.told, all);
  assert.equal(rig.live.closed, 1);
  assert.deepEqual([rig.player.live, rig.player.source], [undefined, undefined]);
});

Deno.test("player: a source that cannot be opened says what helps; Start tries again", async () => {
  const rig = new Rig();
  const { open } = rig.choice;
  rig.choice.open = () =>
    Promise.reject(
      new SourceError("NotFoundError", { message: "No camera was found", remedy: "Connect one." }),
    );
  await rig.started();
  assert.equal(rig.states.at(-1), "failed: No camera was found");
  assert.ok(!rig.player.isOn);
  assert.equal(rig.live.closed, 1);
  rig.choice.open = open;
  await rig.started();
  assert.equal(rig.states.at(-1), "opening: Waiting for the first points…");
});

Deno.test("player: what fails after Stop, or in a run before, is not told", async () => {
  const rig = new Rig();
  const opening = Promise.withResolvers<Source>();
  rig.choice.open = () => opening.promise;
  rig.player.start();
  const { connection } = rig.live;
  rig.player.stop();
  opening.reject(new Error("too late"));
  connection.tell("state", { name: "closed", error: new LkstreamError("rejected", "too late") });
  await settled();
  assert.equal(rig.states.at(-1), "idle");
});

Deno.test("player: a link that is lost is told, and what comes after it is live again", async () => {
  const rig = await new Rig().started();
  rig.live.shown();
  const error = new LkstreamError("disconnected", "The link broke");
  rig.live.connection.tell("state", { name: "reconnecting", error, inMs: 500, attempt: 1 });
  rig.live.connection.tell("state", { name: "connecting" });
  rig.live.connection.tell("state", { name: "open" });
  assert.deepEqual(rig.states.slice(-2), ["reconnecting: The link broke, 500", "running: Live"]);
});

Deno.test("player: a server that ends the session for good ends the run", async () => {
  for (
    const [code, title] of [
      ["unauthorized", "This server asks for a token"],
      ["rejected", "The server ended the session"],
    ] as const
  ) {
    const rig = await new Rig().started();
    rig.live.connection.tell("state", {
      name: "closed",
      error: new LkstreamError(code, "on purpose"),
    });
    assert.equal(rig.states.at(-1), `failed: ${title}`);
    assert.equal(rig.live.closed, 1);
  }
});

Deno.test("player: another source goes on in the same run; where nothing runs it waits for Start", async () => {
  const rig = new Rig();
  rig.player.sourceChosen();
  assert.equal(rig.lives.length, 0);
  await rig.started();
  const first = rig.source;
  rig.choice.kind = "sample";
  rig.player.sourceChosen();
  await settled();
  assert.equal(rig.lives.length, 1);
  assert.notEqual(rig.source, first);
  first.ended(); // it is no longer in use
  assert.equal(rig.states.at(-1), "opening: Waiting for the first points…");
  rig.source.ended();
  assert.equal(rig.states.at(-1), "failed: The source ended");
});

Deno.test("player: limits are taken by what runs, governed anew", async () => {
  const rig = await new Rig().started();
  rig.told.length = 0;
  rig.choice.maxRate = 5;
  rig.player.limitsChosen();
  assert.deepEqual(rig.told, ["releases", "captures"]);
  assert.deepEqual(rig.live.limits, [30, 5]);
});

Deno.test("player: pictures that cannot be sent end it after ten in a row", async () => {
  const rig = await new Rig().started();
  const fail = (times: number) => {
    for (let i = 0; i < times; i++) rig.live.capture!.tell("error", new Error("No picture"));
  };
  fail(9);
  rig.live.shown();
  fail(9);
  assert.equal(rig.states.at(-1), "running: Live");
  fail(1);
  assert.equal(rig.states.at(-1), "failed: The picture cannot be sent");
});

Deno.test("player: a source that is held is shown again where points were changed", async () => {
  const rig = await new Rig().started();
  rig.player.refresh();
  assert.equal(rig.live.capture!.sentAgain, 0); // the next frame shows it
  rig.player.toggleHold();
  assert.equal(rig.source.playing, false);
  rig.player.refresh();
  assert.equal(rig.live.capture!.sentAgain, 1);
  rig.player.toggleHold();
  assert.equal(rig.source.playing, true);
  assert.equal(rig.told.filter((what) => what === "held").length, 2);
});

/** A camera that comes into trouble when it is told to. */
class TroubledCamera extends FakeSource {
  trouble: { message: string; remedy: string } | null = null;
  readonly settings = { deviceId: "one" };
  #told = () => {};
  static make(): TroubledCamera & Camera {
    const camera = new TroubledCamera("a camera");
    const { prototype } = TroubledCamera;
    Object.setPrototypeOf(
      camera,
      Object.create(Camera.prototype, {
        ...Object.getOwnPropertyDescriptors(FakeSource.prototype),
        ...Object.getOwnPropertyDescriptors(prototype),
      }),
    );
    return camera as unknown as TroubledCamera & Camera;
  }
  onTrouble(told: () => void): void {
    this.#told = told;
  }
  comeInto(message: string | null): void {
    this.trouble = message === null ? null : { message, remedy: "Look at it" };
    this.#told();
  }
}

Deno.test("player: a camera in trouble is told until that is over, a lost link before it", async () => {
  const rig = new Rig();
  const camera = TroubledCamera.make();
  rig.choice.open = () => Promise.resolve(camera);
  await rig.started();
  rig.live.shown();
  camera.comeInto("The camera shows nothing");
  rig.live.shown(); // of a frame before
  assert.equal(rig.states.at(-1), "troubled: The camera shows nothing");
  const error = new LkstreamError("disconnected", "The link broke");
  rig.live.connection.tell("state", { name: "reconnecting", error, inMs: 500, attempt: 1 });
  camera.comeInto("The camera is covered");
  assert.equal(rig.states.at(-1), "reconnecting: The link broke, 500");
  rig.live.connection.tell("state", { name: "open" });
  assert.equal(rig.states.at(-1), "troubled: The camera is covered");
  camera.comeInto(null);
  assert.equal(rig.states.at(-1), "running: Live");
});

Deno.test("player: a camera that went away is taken up once it is back, unless Stop came first", async () => {
  const rig = new Rig();
  const camera = TroubledCamera.make();
  rig.choice.open = () => Promise.resolve(camera);
  const [one, two] = ["one", "two"].map((deviceId) => ({ deviceId, label: "a camera" }));
  await rig.started();
  rig.player.camerasChanged([one, two]); // nothing is lost
  assert.equal(rig.lives.length, 1);
  (camera as unknown as FakeSource).ended();
  rig.player.camerasChanged([two]);
  assert.equal(rig.states.at(-1), "failed: The camera is gone");
  rig.player.camerasChanged([one, two]);
  assert.equal(rig.lives.length, 2);
  await settled();
  (camera as unknown as FakeSource).ended();
  rig.player.stop();
  rig.player.camerasChanged([one, two]);
  assert.equal(rig.lives.length, 2);
});

Deno.test("player: a capture whose source gives nothing fails at once, and says what helps", async () => {
  const rig = await new Rig().started();
  const error = new SourceError("NotReadableError", {
    message: "It is in use",
    remedy: "Free it.",
  });
  rig.live.capture!.tell("error", error);
  assert.equal(rig.states.at(-1), "failed: It is in use");
});

/** A recording over its video. */
function replayOf(isNamed = true) {
  const source = new FakeSource("clip.webm");
  const replay = {
    source,
    recording: { isNamed, header: { source: "film.webm" } },
    events: undefined as ReplayEvents | undefined,
    closed: 0,
    play: (events: ReplayEvents) => void (replay.events = events),
    close: () => void replay.closed++,
  };
  return replay;
}

Deno.test("player: a recording is replayed without a server, until its video ends", async () => {
  const rig = new Rig();
  const replay = replayOf(false);
  rig.choice.kind = "recording";
  rig.replay = () => Promise.resolve(replay as unknown as Replay);
  rig.player.filesChosen();
  await settled();
  assert.equal(rig.lives.length, 0);
  assert.deepEqual(rig.states, ["opening: Reading the recording…", "running: Replay"]);
  assert.ok(rig.told.includes("clip.webm is not film.webm"));
  replay.events!.shown(emptyTracks(0), null as unknown as ImageBitmap);
  assert.equal(rig.told.at(-1), "shown");
  replay.events!.nothingFits();
  assert.equal(rig.states.at(-1), "failed: The recording is not of this video");
  assert.equal(replay.closed, 1);
  replay.source.ended(); // it is over already
  assert.equal(rig.states.at(-1), "failed: The recording is not of this video");
});

Deno.test("player: what is chosen while a recording is read comes instead of it", async () => {
  const rig = new Rig();
  const replay = replayOf();
  const reading = Promise.withResolvers<Replay>();
  rig.choice.kind = "recording";
  rig.replay = () => reading.promise;
  rig.player.start();
  rig.choice.kind = "sample";
  rig.player.sourceChosen();
  reading.resolve(replay as unknown as Replay);
  await settled();
  assert.equal(replay.closed, 1);
  assert.equal(rig.lives.length, 1);
  assert.equal(rig.states.at(-1), "opening: Waiting for the first points…");
});
