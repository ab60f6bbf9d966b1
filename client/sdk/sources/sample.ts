import { isPage, noPage } from "./page_only.ts";
import type { Source } from "./source.ts";
import { SourceError } from "./source_error.ts";

/** Size of the sample, in pixels. */
export interface SampleOptions {
  width?: number;
  height?: number;
}

/** Moving shapes full of corners, for people and tests without a camera. */
export function openSample(options: SampleOptions = {}): Sample {
  if (!isPage) throw new SourceError("NoPage", noPage("the sample"));
  return new Sample(options);
}

/** A card that floats over the background. Lengths are shares of the picture's height. */
interface Card {
  sprite: OffscreenCanvas;
  centre: [x: number, y: number];
  reach: [x: number, y: number];
  /** Seconds for a round trip across and down. */
  period: [x: number, y: number];
  swing: number;
}

const COLOURS = ["#f4a259", "#5b8e7d", "#bc4b51", "#8cb369", "#f4e285", "#3d6b8c"];
/** As often as a camera: every second repaint of most screens. */
const FRAME_MS = 1000 / 30 - 4;
const TURN = 2 * Math.PI;

/** The sample's drawing: the same at the same time, whoever looks. */
export class Sample implements Source {
  readonly label = "Sample";
  readonly picture = document.createElement("canvas");
  readonly #context = this.picture.getContext("2d", { alpha: false })!;
  readonly #background: OffscreenCanvas;
  readonly #cards: Card[];
  #handle: number;

  constructor({ width = 640, height = 480 }: SampleOptions = {}) {
    this.picture.width = width;
    this.picture.height = height;
    const random = randomFrom(7);
    this.#background = paintBackground(width * 1.25, height * 1.25, random);
    this.#cards = COLOURS.slice(0, 4).map((_, i) => makeCard(i, width / height, height, random));
    this.draw(0);
    this.#handle = this.#animate();
  }

  /** Draws what it shows after so many seconds. */
  draw(seconds: number): void {
    const { width, height } = this.picture;
    const context = this.#context;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.drawImage(
      this.#background,
      -width * 0.125 * (1 + Math.sin(seconds * TURN / 37)),
      -height * 0.125 * (1 + Math.cos(seconds * TURN / 29)),
    );
    for (const { sprite, centre, reach, period, swing } of this.#cards) {
      const angle = swing * Math.sin(seconds * TURN / (period[0] + period[1]));
      const cos = Math.cos(angle), sin = Math.sin(angle);
      const x = centre[0] + reach[0] * Math.sin(seconds * TURN / period[0]);
      const y = centre[1] + reach[1] * Math.cos(seconds * TURN / period[1]);
      context.setTransform(cos, sin, -sin, cos, x * height, y * height);
      context.drawImage(sprite, -sprite.width / 2, -sprite.height / 2);
    }
  }

  #animate(): number {
    const start = performance.now();
    let drawn = start;
    const repaint = (now: number) => {
      this.#handle = requestAnimationFrame(repaint);
      if (now - drawn < FRAME_MS) return;
      drawn = now;
      this.draw((now - start) / 1000);
    };
    return requestAnimationFrame(repaint);
  }

  /** It never ends by itself. */
  onEnded(): void {}

  close(): void {
    cancelAnimationFrame(this.#handle);
    this.picture.remove();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Small shapes strewn over a dusky field: something to follow everywhere. */
function paintBackground(width: number, height: number, random: () => number): OffscreenCanvas {
  const canvas = new OffscreenCanvas(Math.ceil(width), Math.ceil(height));
  const context = canvas.getContext("2d", { alpha: false })!;
  const dusk = context.createLinearGradient(0, 0, width, height);
  dusk.addColorStop(0, "#23304a");
  dusk.addColorStop(1, "#4a4460");
  context.fillStyle = dusk;
  context.fillRect(0, 0, width, height);
  const unit = height / 100;
  for (let i = 0; i < 420; i++) {
    const side = unit * (1.2 + 3 * random());
    context.setTransform(1, 0, 0, 1, width * random(), height * random());
    context.rotate(TURN * random());
    context.globalAlpha = 0.25 + 0.45 * random();
    context.fillStyle = COLOURS[Math.floor(random() * COLOURS.length)];
    context.fillRect(-side, -side / 2, 2 * side, side);
  }
  return canvas;
}

/** A card with a mosaic of tiles, whose meeting corners are good features. */
function makeCard(i: number, aspect: number, height: number, random: () => number): Card {
  const columns = 5 + i % 2, rows = 4 + i % 3;
  const tile = Math.round(height * (0.052 + 0.008 * i));
  const sprite = new OffscreenCanvas((columns + 1) * tile, (rows + 1) * tile);
  const context = sprite.getContext("2d")!;
  context.fillStyle = "#f7f3e8";
  context.fillRect(0, 0, sprite.width, sprite.height);
  for (let tiles = 0; tiles < columns * rows; tiles++) {
    const x = (tiles % columns + 0.5) * tile, y = (Math.floor(tiles / columns) + 0.5) * tile;
    const share = 0.55 + 0.4 * random();
    context.fillStyle = (tiles + Math.floor(tiles / columns)) % 2 === 0
      ? COLOURS[i]
      : `hsl(215 25% ${15 + 20 * random()}%)`;
    context.fillRect(x, y, tile * share, tile * (1.5 - share));
  }
  return {
    sprite,
    centre: [aspect * (0.27 + 0.46 * (i % 2)), 0.28 + 0.44 * Math.floor(i / 2)],
    reach: [0.1 + 0.05 * random(), 0.08 + 0.05 * random()],
    period: [11 + 6 * random(), 12 + 6 * random()],
    swing: 0.2 + 0.15 * random(),
  };
}

/** Numbers in [0, 1) that are the same every time (mulberry32). */
function randomFrom(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ seed >>> 15, 1 | seed);
    mixed = (mixed + Math.imul(mixed ^ mixed >>> 7, 61 | mixed)) ^ mixed;
    return ((mixed ^ mixed >>> 14) >>> 0) / 2 ** 32;
  };
}
