import type { LostReason } from "../../protocol/mod.ts";
import { type Colouring, LOST_COLOURS, movementColour } from "./colours.ts";
import { cross } from "./marks.ts";
import { BACKGROUND, CHARACTER_WIDTH, INK, type Shape } from "./scene.ts";

/** One thing of a legend: a sign, `wide` pixels, drawn about (x + wide / 2, y), and a text after it. */
export interface Entry {
  wide: number;
  sign(x: number, y: number): Shape[];
  text: string;
}

/** What the colours of movements mean. */
export function colourEntry(by: Colouring, full: number, unit: number): Entry {
  const most = `${full.toFixed(1)} px`;
  if (by === "direction") {
    const sign = (x: number, y: number) => wheel(x + 12 * unit, y, 11 * unit);
    return { wide: 24 * unit, sign, text: `full colour: ${most}` };
  }
  const wide = 60 * unit;
  return { wide, sign: (x, y) => speedBar(x, y, wide, 10 * unit), text: `0 to ${most}` };
}

/** What the cross of a lost point means. */
export function lostEntry(reason: LostReason, text: string, unit: number): Entry {
  const wide = 10 * unit;
  return { wide, sign: (x, y) => cross(x + wide / 2, y, LOST_COLOURS[reason], unit), text };
}

/** A text alone. */
export function textEntry(text: string): Entry {
  return { wide: 0, sign: () => [], text };
}

/** Lays entries out below a picture, as many to a row as fit, with dots between them. */
export function layOut(
  entries: Entry[],
  picture: { width: number; height: number },
  unit: number,
): { shapes: Shape[]; height: number } {
  const size = 11 * unit, row = 26 * unit, gap = 16 * unit, margin = 10 * unit;
  const shapes: Shape[] = [];
  let x = margin, y = picture.height + margin / 2 + row / 2;
  for (const { wide, sign, text } of entries) {
    const space = wide > 0 ? wide + 6 * unit : 0;
    const width = space + text.length * CHARACTER_WIDTH * size;
    const write = (text: string, x: number) =>
      shapes.push({ kind: "text", x, y: y + 0.35 * size, size, text, colour: INK });
    if (x > margin && x + width + margin > picture.width) {
      x = margin;
      y += row;
    } else if (x > margin) write("·", x - (gap + CHARACTER_WIDTH * size) / 2);
    shapes.push(...sign(x, y));
    write(text, x + space);
    x += width + gap;
  }
  const bottom = y + row / 2 + margin / 2;
  const height = 2 * Math.ceil((bottom - picture.height) / 2); // video codecs want even sizes
  return { shapes: [ground(picture, height), ...shapes], height };
}

/** Covers marks that reach out of the picture. */
function ground({ width, height }: { width: number; height: number }, below: number): Shape {
  const right = width - 0.5, top = height - 0.5, bottom = height + below - 0.5;
  return {
    kind: "area",
    xy: [-0.5, top, right, top, right, bottom, -0.5, bottom],
    colour: BACKGROUND,
  };
}

function wheel(x: number, y: number, radius: number): Shape[] {
  const sectors = 20, rings = 3;
  return Array.from({ length: rings * sectors }, (_, i): Shape => {
    const ring = rings - Math.floor(i / sectors); // the outer one first, the inner ones over it
    const from = 2 * Math.PI * i / sectors, to = from + 2 * Math.PI / sectors;
    const r = radius * ring / rings;
    const share = (ring - 0.5) / rings, middle = (from + to) / 2;
    return {
      kind: "area",
      xy: [x, y, ...onCircle(x, y, r, from), ...onCircle(x, y, r, to)],
      colour: movementColour(share * Math.cos(middle), share * Math.sin(middle), 1, "direction"),
    };
  });
}

function onCircle(x: number, y: number, radius: number, angle: number): [number, number] {
  return [x + radius * Math.cos(angle), y + radius * Math.sin(angle)];
}

function speedBar(x: number, y: number, width: number, height: number): Shape[] {
  const steps = 30;
  return Array.from({ length: steps }, (_, i): Shape => {
    const left = x + width * i / steps, right = x + width; // the next one covers the rest
    const top = y - height / 2, bottom = y + height / 2;
    return {
      kind: "area",
      xy: [left, top, right, top, right, bottom, left, bottom],
      colour: movementColour(i / (steps - 1), 0, 1, "speed"),
    };
  });
}
