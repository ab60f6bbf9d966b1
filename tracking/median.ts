/** What is being parted. Every frame of every session comes by here, one after the other. */
let parted = new Float32Array(0);

/**
 * Median of some numbers; the mean of the middle two where their count is even, null where there are none.
 *
 * @param values of which those at `first`, `first + step` and so on count; all, by default
 */
export function median(values: Float32Array, first = 0, step = 1): number | null {
  const n = Math.ceil((values.length - first) / step), middle = n >> 1;
  if (n <= 0) return null;
  if (n > parted.length) parted = new Float32Array(2 * n);
  for (let i = 0, from = first; i < n; i++, from += step) parted[i] = values[from];
  const upper = select(parted, n, middle);
  return n % 2 ? upper : (largest(parted, middle) + upper) / 2;
}

/** Of the first `n`. */
function largest(values: Float32Array, n: number): number {
  let most = values[0];
  for (let i = 1; i < n; i++) if (values[i] > most) most = values[i];
  return most;
}

/**
 * Moves what sorting the first `n` would bring to place k there, all smaller before it (Hoare 1961),
 * and returns it.
 */
function select(values: Float32Array, n: number, k: number): number {
  for (let from = 0, to = n;;) {
    const pivot = values[(from + to) >> 1];
    const less = toFront(values, from, to, pivot, 0);
    if (k < less) {
      to = less;
      continue;
    }
    from = toFront(values, less, to, pivot, 1);
    if (k < from || Number.isNaN(pivot)) return pivot;
  }
}

/**
 * Brings what is less than the pivot, with `equal` 1 also what equals it, to the front of a part
 * (Lomuto). Without a branch, which would be mispredicted every second time.
 *
 * @returns the end of that front
 */
function toFront(
  values: Float32Array,
  from: number,
  to: number,
  pivot: number,
  equal: 0 | 1,
): number {
  let end = from;
  for (let i = from; i < to; i++) {
    const value = values[i];
    values[i] = values[end];
    values[end] = value;
    end += Number(value < pivot) | (Number(value === pivot) & equal);
  }
  return end;
}
