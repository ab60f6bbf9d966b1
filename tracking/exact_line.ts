/**
 * Lines through points of any size. A difference of two coordinates of 1e308 is
 * no number any more, and next to one of 1e20 a pixel is lost to rounding: so
 * slope and intercept are taken in whole numbers, exactly, and rounded once.
 */

type Point = readonly [number, number];

/** A double is a whole number of these parts of 1 (2⁻¹⁰⁷⁴). */
const FRACTION_BITS = 1074n;
/** Bits of a quotient, more than a double holds. */
const QUOTIENT_BITS = 64;

/** Where the line through two points of different y crosses a row: x at `y`. */
export function exactLine([x0, y0]: Point, [x1, y1]: Point): (y: number) => number {
  const [a, b, c, d] = [x0, y0, x1, y1].map(toWhole);
  const dx = c - a, dy = d - b;
  const cross = a * dy - b * dx; // x · dy = y · dx + cross
  if (abs(dx) <= abs(dy)) {
    const slope = divide(dx, dy), atZero = divide(cross, dy << FRACTION_BITS);
    return (y) => atZero + y * slope;
  }
  // flat: from where it crosses x = 0, for there the frame is
  const zero = divide(-cross, dx << FRACTION_BITS), slope = divide(dy, dx);
  return (y) => y === zero ? 0 : (y - zero) / slope;
}

function toWhole(value: number): bigint {
  let shift = 0n;
  while (!Number.isInteger(value)) { // doubling is exact
    value *= 2;
    shift++;
  }
  return BigInt(value) << FRACTION_BITS - shift;
}

/** The quotient as the nearest number, but for its last bit. */
function divide(a: bigint, b: bigint): number {
  const shift = Math.max(0, bits(b) - bits(a) + QUOTIENT_BITS);
  const quotient = Number((a << BigInt(shift)) / b);
  return quotient * 2 ** -Math.min(shift, 1000) * 2 ** -Math.max(0, shift - 1000);
}

function bits(value: bigint): number {
  return 4 * abs(value).toString(16).length;
}

function abs(value: bigint): bigint {
  return value < 0n ? -value : value;
}
