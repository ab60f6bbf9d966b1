/** The pictures of docs/error.md about `filter.appearance`, as SVG that reads on light and dark pages. */
import type { Grey } from "../tracking/engine.ts";
import { encodeJpeg } from "../test/lib/jpeg.ts";
import { label, line, picture, svg } from "./err_pictures.ts";

/** A point at the end of a stream. */
export interface End {
  id: number;
  x: number;
  y: number;
  /** From where it ought to be, px; Infinity where nothing of it is left to be seen. */
  off: number;
  appearance: number;
}

/** A point from frame to frame. */
export interface Way {
  /** From where it was found, px. */
  offs: number[];
  err: number[];
  fb: number[];
  appearance: number[];
  /** Its windows, on some of the frames. */
  windows: { frame: number; grey: Float32Array }[];
}

const RIGHT = "#1b9e77", WRONG = "#e7298a";

/** The last frame twice, with its points: without the check, and with it. */
export function drawEnds(frame: Grey, [without, kept]: [End[], End[]]): string {
  const panel = (ends: End[], left: number, title: string) => {
    const wrong = ends.filter(({ off }) => off > 1).length;
    const dots = ends.map(({ x, y, off }) =>
      `<circle cx="${(left + x).toFixed(1)}" cy="${(30 + y).toFixed(1)}" r="3.5" stroke="#fff" ` +
      `stroke-width="0.8" fill="${off > 1 ? WRONG : RIGHT}"/>`
    );
    return [
      label(left, 18, `${title}: ${ends.length} points, ${wrong} wrong`, "start"),
      `<image x="${left}" y="30" width="${frame.width}" height="${frame.height}" ` +
      `href="data:image/jpeg;base64,${encodeJpeg(frame, { quality: 80 }).toBase64()}"/>`,
      ...dots,
    ];
  };
  return svg(2 * frame.width + 20, frame.height + 40, [
    ...panel(without, 0, "filter.appearance null"),
    ...panel(kept, frame.width + 20, "0.5"),
  ]);
}

/** One point over time: its windows above, and what the checks say of it below. */
export function drawWay(way: Way, threshold: number): string {
  const frames = way.err.length, [left, width, high, gap] = [150, 480, 56, 20];
  const x = (frame: number) => left + width * frame / (frames - 1);
  const parts: string[] = [];
  for (const { frame, grey } of way.windows) {
    parts.push(
      `<image x="${
        x(frame) - 28
      }" y="24" width="56" height="56" style="image-rendering:pixelated" ` +
        `href="data:image/jpeg;base64,${picture(grey)}"/>`,
      label(x(frame), 16, `frame ${frame}`, "middle"),
    );
  }
  const rows: [string, number[], number, number | null][] = [
    ["moved, px", way.offs, Math.max(...way.offs), null],
    ["err, grey levels", way.err, 20, null],
    ["fb, px", way.fb, 1, 1],
    ["appearance", way.appearance, 1, threshold],
  ];
  for (const [i, [name, values, most, limit]] of rows.entries()) {
    const bottom = 100 + (i + 1) * (high + gap);
    const y = (value: number) => bottom - high * Math.min(value, most) / most;
    const places = values.flatMap((value, frame) =>
      Number.isNaN(value) ? [] : [`${x(frame).toFixed(1)},${y(value).toFixed(1)}`]
    );
    parts.push(
      label(left - 12, bottom - high / 2 + 4, name, "end"),
      label(left + width + 8, bottom - high + 8, `${Number(most.toPrecision(2))}`, "start"),
      label(left + width + 8, bottom, "0", "start"),
      line(left, bottom, left + width, bottom),
      `<polyline points="${places.join(" ")}" fill="none" stroke="#1f78b4" stroke-width="1.5"/>`,
    );
    if (limit === null) continue;
    parts.push(
      `<path d="M${left} ${y(limit)}H${left + width}" stroke="${WRONG}" stroke-dasharray="4 3"/>`,
    );
  }
  return svg(left + width + 60, 100 + rows.length * (high + gap) + 16, parts);
}
