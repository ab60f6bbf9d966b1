import type { Picture } from "../pictures/picture.ts";

/**
 * What is drawn, as data: `svg.ts` writes it, `raster.ts` paints it. Positions
 * are pixels of the picture, (0, 0) is the centre of its top-left pixel; lists of
 * points are x, y pairs.
 */
export interface Scene {
  /** Size of the whole drawing in pixels: the picture's width, and room below it. */
  width: number;
  height: number;
  /** Pictures at the top left, drawn over each other in this order. */
  layers: Layer[];
  /** Drawn in this order. */
  shapes: Shape[];
}

export interface Layer {
  picture: Picture;
  /** 0 to 1. */
  opacity: number;
}

/** `#rrggbb` */
export type Colour = string;

export type Shape =
  | { kind: "line"; xy: readonly number[]; width: number; colour: Colour; opacity?: number }
  | { kind: "area"; xy: readonly number[]; colour: Colour; opacity?: number }
  | { kind: "disc"; x: number; y: number; radius: number; colour: Colour; opacity?: number }
  /** `x` is the left end, `y` the baseline. */
  | { kind: "text"; x: number; y: number; size: number; text: string; colour: Colour };

/** Behind the picture and the legend. */
export const BACKGROUND: Colour = "#14171c";
/** Text, and what stands still. */
export const INK: Colour = "#e8eaed";

/** Room for a character of the fixed-width fonts that both renderers use, in font sizes. */
export const CHARACTER_WIDTH = 0.64;
