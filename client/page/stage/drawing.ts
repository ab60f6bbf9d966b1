import type { ColourBy } from "./colouring.ts";

/** How results are drawn. */
export interface Drawing {
  points: boolean;
  /** Frames that a trail reaches back; 0 draws none. */
  trail: number;
  /** How many times as long as the way since the frame before; 0 draws no arrows. */
  arrows: number;
  colour: ColourBy;
  /** Lost points flash, in a shape that says why. */
  lost: boolean;
  mirrored: boolean;
}

export const DRAWING: Drawing = {
  points: true,
  trail: 12,
  arrows: 0,
  colour: "age",
  lost: true,
  mirrored: false,
};

/** What is remembered of each point. */
export const MAX_TRAIL = 60;
export const MAX_ARROWS = 20;
