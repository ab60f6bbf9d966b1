/** Frames of a scene that is known exactly: a camera over roofs, and something that flies by. */
import type { Image } from "../../native/addon/index.d.ts";

export const WIDTH = 480, HEIGHT = 360;
/** The camera's way from one frame to the next, about the picture's centre; px, degrees. */
export const CAMERA = { dx: -2.5, dy: 1.5, degrees: 0.6, scale: 1.004 };
/** What flies by, from one frame to the next, px; and its radius. */
const FLIES = { x: 300, y: 120, dx: -6, dy: 3, radius: 55 };
const WORLD = 1024;

/** A picture of random rectangles, somewhat out of focus. */
function world(seed: number): Float32Array {
  let state = seed;
  const dice = (below: number) => { // Lehmer's generator (1951), as Park and Miller chose it
    state = state * 48271 % 2147483647;
    return state % below;
  };
  const sharp = new Float32Array(WORLD * WORLD).fill(90);
  for (let i = 0; i < 900; i++) {
    const [x, y, w, h, grey] = [dice(WORLD), dice(WORLD), 8 + dice(60), 8 + dice(60), dice(200)];
    for (let row = y; row < Math.min(WORLD, y + h); row++) {
      sharp.fill(30 + grey, row * WORLD + x, row * WORLD + Math.min(WORLD, x + w));
    }
  }
  return blur(blur(sharp, 1), WORLD);
}

/** A binomial of three along one axis. */
function blur(from: Float32Array, step: number): Float32Array {
  return from.map((v, i) => (2 * v + (from[i - step] ?? v) + (from[i + step] ?? v)) / 4);
}

function at(world: Float32Array, x: number, y: number): number {
  const [ix, iy] = [Math.floor(x), Math.floor(y)], [fx, fy] = [x - ix, y - iy];
  const row = (y: number) => {
    const i = (y & WORLD - 1) * WORLD;
    return (1 - fx) * world[i + (ix & WORLD - 1)] + fx * world[i + (ix + 1 & WORLD - 1)];
  };
  return (1 - fy) * row(iy) + fy * row(iy + 1);
}

/** The first frames of the scene, in grey levels. */
export function sample(frames: number): Image[] {
  const ground = world(7), thing = world(99);
  const { dx, dy, degrees, scale } = CAMERA;
  // where a pixel's content was on the first frame: the camera's way, inverted, once a frame
  const cos = Math.cos(degrees * Math.PI / 180) / scale;
  const sin = Math.sin(degrees * Math.PI / 180) / scale;
  return Array.from({ length: frames }, (_, frame) => {
    const data = new Uint8Array(WIDTH * HEIGHT);
    for (let i = 0; i < data.length; i++) {
      let [x, y] = [i % WIDTH - WIDTH / 2, Math.floor(i / WIDTH) - HEIGHT / 2];
      for (let k = 0; k < frame; k++) {
        [x, y] = [cos * (x - dx) + sin * (y - dy), cos * (y - dy) - sin * (x - dx)];
      }
      const u = i % WIDTH - FLIES.x - frame * FLIES.dx;
      const v = Math.floor(i / WIDTH) - FLIES.y - frame * FLIES.dy;
      const isThing = Math.hypot(u, v) < FLIES.radius;
      data[i] = isThing ? at(thing, u + 512, v + 512) : at(ground, x + 512, y + 512);
    }
    return { width: WIDTH, height: HEIGHT, data };
  });
}
