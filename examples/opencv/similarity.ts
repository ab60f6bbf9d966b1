/** x' = a x − b y + dx, y' = b x + a y + dy: a turn, a zoom and a movement. */
export interface Similarity {
  a: number;
  b: number;
  dx: number;
  dy: number;
}

export function apply({ a, b, dx, dy }: Similarity, x: number, y: number): [number, number] {
  return [a * x - b * y + dx, b * x + a * y + dy];
}

const ROUNDS = 200;

/**
 * The similarity on which most points agree (RANSAC, Fischler and Bolles 1981), then fitted to all of
 * these.
 *
 * @param from x, y pairs
 * @param to where they went
 * @param threshold px; who lies farther off does not agree
 */
export function ransac(
  from: Float32Array,
  to: Float32Array,
  threshold: number,
): { model: Similarity; isInlier: boolean[] } {
  const n = from.length / 2;
  if (n < 2) throw new Error(`Cannot find a motion from ${n} points: allowed are 2 and more`);
  const agree = (model: Similarity) =>
    Array.from({ length: n }, (_, i) => {
      const [x, y] = apply(model, from[2 * i], from[2 * i + 1]);
      return Math.hypot(x - to[2 * i], y - to[2 * i + 1]) <= threshold;
    });
  let best: boolean[] = [], most = -1;
  for (let round = 0; round < ROUNDS; round++) {
    // pairs that differ from round to round, and are the same in each run
    const i = round * 7919 % n, j = (i + 1 + round * 104729 % (n - 1)) % n;
    const isInlier = agree(fit(from, to, [i, j]));
    const count = isInlier.filter(Boolean).length;
    if (count > most) [best, most] = [isInlier, count];
  }
  const model = fit(from, to, best.flatMap((agrees, i) => agrees ? [i] : []));
  return { model, isInlier: agree(model) };
}

/** Least squares over some of the points, in closed form (Umeyama 1991, in two dimensions). */
function fit(from: Float32Array, to: Float32Array, some: number[]): Similarity {
  const mean = (xy: Float32Array, axis: number) =>
    some.reduce((sum, i) => sum + xy[2 * i + axis], 0) / some.length;
  const [x, y, u, v] = [mean(from, 0), mean(from, 1), mean(to, 0), mean(to, 1)];
  let dot = 0, cross = 0, square = 0;
  for (const i of some) {
    const [p, q] = [from[2 * i] - x, from[2 * i + 1] - y];
    const [r, s] = [to[2 * i] - u, to[2 * i + 1] - v];
    dot += p * r + q * s;
    cross += p * s - q * r;
    square += p * p + q * q;
  }
  const [a, b] = square > 0 ? [dot / square, cross / square] : [1, 0];
  return { a, b, dx: u - a * x + b * y, dy: v - b * x - a * y };
}
