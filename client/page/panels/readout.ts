import type { EngineInfo, Spread, Tracks } from "../../sdk/mod.ts";
import { byId, setText } from "../ui/elements.ts";
import type { Live } from "../run/live.ts";
import type { Panel } from "./panel.ts";

const UPDATE_MS = 250;
const NONE = "–";

/** The numbers beside the video. */
export class Readout implements Panel {
  readonly #points = byId("points", HTMLElement);
  readonly #rtt = byId("rtt", HTMLElement);
  readonly #captured = byId("fps-captured", HTMLElement);
  readonly #sent = byId("fps-in", HTMLElement);
  readonly #answered = byId("fps-out", HTMLElement);
  readonly #size = byId("size", HTMLElement);
  readonly #dropped = byId("dropped", HTMLElement);
  readonly #skipped = byId("skipped", HTMLElement);
  readonly #bytesUp = byId("bytes-up", HTMLElement);
  readonly #bytesDown = byId("bytes-down", HTMLElement);
  readonly #engine = byId("engine", HTMLElement);
  readonly #engineReason = byId("engine-reason", HTMLElement);
  #shownAt = -Infinity;
  #timer: ReturnType<typeof setInterval> | undefined;

  follow(live: Live): void {
    for (const event of ["hello", "engine"] as const) {
      live.connection.on(event, (told) => this.#showEngine("engine" in told ? told.engine : told));
    }
    this.#timer = setInterval(() => this.#update(live), UPDATE_MS);
  }

  /** Counts and round trip stay to be read; what was of the moment goes. */
  leave(): void {
    clearInterval(this.#timer);
    setText(this.#points, "0");
    const rates = [this.#captured, this.#sent, this.#answered, this.#bytesUp, this.#bytesDown];
    for (const rate of rates) setText(rate, NONE);
    this.#shownAt = -Infinity;
  }

  #showEngine({ name, device, reason }: EngineInfo): void {
    setText(this.#engine, `${name} · ${device}`);
    setText(this.#engineReason, reason);
    this.#engine.title = reason;
  }

  /** The count stands still long enough to be read. */
  take({ points }: Tracks): void {
    const now = performance.now();
    if (now - this.#shownAt < UPDATE_MS) return;
    this.#shownAt = now;
    setText(this.#points, String(points.id.length));
  }

  #update({ connection, capture }: Live): void {
    const measured = connection.measured();
    setText(this.#rtt, milliseconds(measured.roundTrip));
    setText(this.#sent, measured.sentPerSecond.toFixed(0));
    setText(this.#answered, measured.answeredPerSecond.toFixed(0));
    setText(this.#dropped, String(measured.dropped));
    setText(this.#bytesUp, kilobytes(measured.bytesSentPerSecond));
    setText(this.#bytesDown, kilobytes(measured.bytesReceivedPerSecond));
    if (!capture) return;
    const { perSecond, skipped, size } = capture.measured();
    setText(this.#captured, perSecond.toFixed(0));
    setText(this.#skipped, String(skipped));
    setText(this.#size, size ? `${size.width} × ${size.height}` : NONE);
  }
}

function milliseconds(spread: Spread | null): string {
  if (!spread) return NONE;
  const digits = spread.p95 < 10 ? 1 : 0;
  return `p50 ${spread.p50.toFixed(digits)} ms\np95 ${spread.p95.toFixed(digits)} ms`;
}

/** Made once: `toLocaleString` makes one at every call, which the profiler sees. */
const grouped = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

function kilobytes(perSecond: number): string {
  return `${grouped.format(perSecond / 1000)} kB/s`;
}
