/** Milliseconds on a clock that page and workers share. */
export function clock(): number {
  return performance.timeOrigin + performance.now();
}
