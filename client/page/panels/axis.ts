/** Round values at equal steps of 1, 2 or 5 times a power of ten, that hold `least` to `most` between them. */
export function axisSteps(least: number, most: number): number[] {
  const rough = Math.max((most - least) / 3, 1e-3);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough * (1 - 1e-9))!;
  const from = Math.floor(least / step), to = Math.max(from + 1, Math.ceil(most / step));
  return Array.from(
    { length: to - from + 1 },
    (_, i) => Number(((from + i) * step).toPrecision(6)),
  );
}
