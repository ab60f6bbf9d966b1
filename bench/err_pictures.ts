/** The pictures of docs/error.md, as SVG that reads on light and dark pages. */
import { encodeJpeg } from "../test/lib/jpeg.ts";

/** One window that was followed. */
export interface Trial {
  err: number;
  /** From where the point ought to be, in pixels. */
  off: number;
  fb: number;
  minEigenvalue: number;
  /** Windows before and now. */
  windows: [Float32Array, Float32Array];
}

const COLOURS: Record<string, string> = {
  corner: "#1b9e77",
  texture: "#66a61e",
  edge: "#e6ab02",
  flat: "#7570b3",
  repeating: "#d95f02",
  brighter: "#1f78b4",
  turned: "#a6761d",
  covered: "#e7298a",
};
const INK = "#666";

/** err across, distance from the truth up, both logarithmic; a dot a trial. */
export function drawScatter(trials: Record<string, Trial[]>): string {
  const [left, bottom, width, height] = [70, 370, 480, 340];
  const x = (err: number) => left + width * Math.log(Math.max(err, 1)) / Math.log(64);
  const y = (off: number) =>
    bottom - height * Math.log(Math.max(off, 0.005) / 0.005) / Math.log(16_000);
  const parts: string[] = [];
  for (const err of [1, 2, 4, 8, 16, 32, 64]) {
    parts.push(
      line(x(err), bottom, x(err), bottom - height),
      label(x(err), bottom + 18, `${err}`, "middle"),
    );
  }
  for (const off of [0.005, 0.05, 0.5, 5, 50]) {
    parts.push(
      line(left, y(off), left + width, y(off)),
      label(left - 8, y(off) + 4, `${off}`, "end"),
    );
  }
  parts.push(label(left + width / 2, bottom + 40, "err, grey levels", "middle"));
  parts.push(label(left, 18, "distance from the truth, px", "start"));
  for (const [i, [name, all]] of Object.entries(trials).entries()) {
    const dots = all.map(({ err, off }) =>
      `<circle cx="${x(err).toFixed(1)}" cy="${y(off).toFixed(1)}" r="3"/>`
    );
    parts.push(`<g fill="${COLOURS[name]}" fill-opacity="0.7">${dots.join("")}</g>`);
    parts.push(
      `<circle cx="${left + width + 24}" cy="${50 + 24 * i}" r="5" fill="${COLOURS[name]}"/>`,
    );
    parts.push(label(left + width + 36, 54 + 24 * i, name, "start"));
  }
  return svg(680, 420, parts);
}

/** A column a kind: the windows before and now, and their difference, of its middle trial by err. */
export function drawWindows(trials: Record<string, Trial[]>): string {
  const [cell, gap, left] = [76, 10, 104];
  const parts = ["before", "now", "difference × 4"].map((name, i) =>
    label(left - 8, 30 + i * (cell + gap) + cell / 2, name, "end")
  );
  for (const [i, [name, all]] of Object.entries(trials).entries()) {
    const { windows: [before, now], err, off } = all.toSorted((a, b) =>
      a.err - b.err
    )[all.length >> 1];
    const difference = now.map((grey, i) => 128 + 4 * (grey - before[i]));
    const x = left + i * (cell + gap);
    parts.push(label(x + cell / 2, 16, name, "middle"));
    for (const [row, grey] of [before, now, difference].entries()) {
      parts.push(
        `<image x="${x}" y="${26 + row * (cell + gap)}" width="${cell}" height="${cell}" ` +
          `style="image-rendering:pixelated" href="data:image/jpeg;base64,${picture(grey)}"/>`,
      );
    }
    const below = 26 + 3 * (cell + gap);
    parts.push(label(x + cell / 2, below + 12, `err ${err.toFixed(1)}`, "middle"));
    parts.push(label(x + cell / 2, below + 30, `off ${off.toFixed(2)} px`, "middle"));
  }
  return svg(left + 8 * (cell + gap), 330, parts);
}

export function picture(grey: Float32Array): string {
  const side = Math.sqrt(grey.length);
  const data = Uint8Array.from(grey, (v) => Math.min(255, Math.max(0, Math.round(v))));
  return encodeJpeg({ width: side, height: side, data }, { quality: 100 }).toBase64();
}

export function svg(width: number, height: number, parts: string[]): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" ` +
    `width="${width}" height="${height}" font-family="sans-serif" font-size="13" fill="${INK}">\n` +
    `${parts.join("\n")}\n</svg>\n`;
}

export function label(
  x: number,
  y: number,
  text: string,
  anchor: "start" | "middle" | "end",
): string {
  return `<text x="${x}" y="${y}" text-anchor="${anchor}">${text}</text>`;
}

export function line(x1: number, y1: number, x2: number, y2: number): string {
  return `<line x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}" stroke="${INK}" stroke-opacity="0.25"/>`;
}
