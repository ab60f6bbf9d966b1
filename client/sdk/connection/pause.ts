const AT_ONCE_MS = 100;
const FIRST_MS = 500;
const LONGEST_MS = 10_000;

/**
 * How long to wait before the n-th try to reconnect, from 1. The first one comes at once, within
 * 0.1 s: most links that break are there again. Then it is 0.5 s, doubled each time up to 10 s,
 * and up to a quarter less. So many clients do not return to a restarted server in the same moment.
 */
export function growingPauseMs(attempt: number, random: () => number = Math.random): number {
  if (attempt === 1) return Math.round(AT_ONCE_MS * random());
  const full = Math.min(LONGEST_MS, FIRST_MS * 2 ** (attempt - 2));
  return Math.round(full * (1 - random() / 4));
}
