import type { Capture, Connection, Options, PartialOptions, Tracks } from "../../sdk/mod.ts";
import type { Live } from "../run/live.ts";
import { FlowPanel } from "./flow_panel.ts";
import { GovernorPanel } from "./governor_panel.ts";
import { changesOf } from "./option_link.ts";
import { OptionsPanel } from "./options_panel.ts";
import type { Panel } from "./panel.ts";
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
export class Panels implements Required<Panel> {
  readonly #options: TrackingOptions;
  readonly #all: Panel[];

  constructor({ configure, place, governor, problems }: PageSide) {
    this.#options = new TrackingOptions(configure);
    this.#all = [
      new Readout(),
      new TimePanel(),
      new FlowPanel(),
      new GovernorPanel(governor),
      new UnderstandPanel(this.#options, place),
      new OptionsPanel(this.#options, problems),
    ];
  }

  /** The options for a session to begin with. */
  changes(): PartialOptions {
    return changesOf(this.#options.inForce);
  }

  follow(live: Live): void {
    for (const panel of this.#all) panel.follow?.(live);
  }

  leave(): void {
    for (const panel of this.#all) panel.leave?.();
  }

  govern(capture: Capture, connection: Connection): void {
    for (const panel of this.#all) panel.govern?.(capture, connection);
  }

  release(): void {
    for (const panel of this.#all) panel.release?.();
  }

  take(tracks: Tracks, frame: ImageBitmap | null): void {
    for (const panel of this.#all) panel.take?.(tracks, frame);
  }
}
