/** Width and height, in whatever pixels. */
export interface Size {
  width: number;
  height: number;
}

/**
 * Where a frame lies in a box: as large as it fits, in the middle, which is what
 * `object-fit: contain` does, and left and right exchanged if mirrored. In frame
 * pixels (0, 0) is the centre of the top-left pixel; the box begins at its corner.
 */
export class FrameView {
  readonly scale: number;
  /** Where the frame's top-left corner is in the box; mirrored, its top-right corner. */
  readonly left: number;
  readonly top: number;

  constructor(readonly frame: Size, readonly box: Size, readonly mirrored = false) {
    this.scale = Math.min(box.width / frame.width, box.height / frame.height);
    this.left = (box.width - frame.width * this.scale) / 2;
    this.top = (box.height - frame.height * this.scale) / 2;
  }

  /** x in the box of x in the frame. */
  x(x: number): number {
    const across = (x + 0.5) * this.scale;
    return this.mirrored ? this.box.width - this.left - across : this.left + across;
  }

  y(y: number): number {
    return this.top + (y + 0.5) * this.scale;
  }

  /** The place in the frame, also beyond its edges, of one in the box. */
  toFrame(x: number, y: number): [x: number, y: number] {
    const across = this.mirrored ? this.box.width - this.left - x : x - this.left;
    return [across / this.scale - 0.5, (y - this.top) / this.scale - 0.5];
  }

  /** True for a place that is in the frame. */
  contains([x, y]: [x: number, y: number]): boolean {
    const { width, height } = this.frame;
    return x >= -0.5 && y >= -0.5 && x <= width - 0.5 && y <= height - 0.5;
  }

  /** The nearest place inside the frame, where a point can be. */
  clamp([x, y]: [x: number, y: number]): [x: number, y: number] {
    const { width, height } = this.frame;
    return [Math.min(width - 1, Math.max(0, x)), Math.min(height - 1, Math.max(0, y))];
  }
}
