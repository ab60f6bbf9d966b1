import type { Capture, Connection, Options, PartialOptions, Tracks } from "../../sdk/mod.ts";
import type { Live } from "../run/live.ts";
import { FlowPanel } from "./flow_panel.ts";
import { GovernorPanel } from "./governor_panel.ts";
import { changesOf } from "./option_link.ts";
import { OptionsPanel } from "./options_panel.ts";
import type { Place } from "./point_mark.ts";
import { Readout } from "./readout.ts";
import { TimePanel } from "./time_panel.ts";
import { TrackingOptions } from "./tracking_options.ts";
import { UnderstandPanel } from "./understand_panel.ts";

/** What the panels need of the page. */
interface PageSide {
  /** Sends a change to the server; undefined where there is none to send it to. */
  configure(change: PartialOptions): Promise<Options> | undefined;
  place: Place;
  /** Whether the latency governor is on to begin with. */
  governor: boolean;
  /** What the address asks for beside options and cannot have. */
  problems: string[];
}

/** The column beside the stage: numbers, plots, the governor, "Understand err", options. */
export class Panels {
  readonly #options: TrackingOptions;
  readonly #readout = new Readout();
  readonly #time = new TimePanel();
  readonly #flow = new FlowPanel();
  readonly #governor: GovernorPanel;
  readonly #understand: UnderstandPanel;

  constructor({ configure, place, governor, problems }: PageSide) {
    this.#options = new TrackingOptions(configure);
    this.#governor = new GovernorPanel(governor);
    this.#understand = new UnderstandPanel(this.#options, place);
    new OptionsPanel(this.#options, problems);
  }

  /** The options for a session to begin with. */
  changes(): PartialOptions {
    return changesOf(this.#options.inForce);
  }

  /** Follows a run until it is left. */
  follow(live: Live): void {
    const { connection } = live;
    connection.on("hello", ({ engine }) => this.#readout.engine(engine));
    connection.on("engine", (engine) => this.#readout.engine(engine));
    connection.on("configured", (options) => this.#options.show(options));
    this.#time.follow(connection);
    this.#readout.follow(live);
  }

  leave(): void {
    this.#readout.leave();
    this.release();
    this.#understand.leave();
  }

  /** Lets the capture go: it has its best again, and can be given other limits. */
  release(): void {
    this.#governor.release();
  }

  /** Governs this capture below the limits that it has now; an earlier one is let go. */
  govern(capture: Capture, connection: Connection): void {
    this.#governor.govern(capture, connection);
  }

  /** Takes a result, and its frame where there is one; the frame stays the caller's. */
  take(tracks: Tracks, frame: ImageBitmap | null = null): void {
    this.#readout.tracks(tracks);
    this.#flow.take(tracks);
    this.#understand.take(tracks, frame);
  }
}
