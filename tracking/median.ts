/** Median of some numbers; the mean of the middle two where their count is even, null where there are none. */
export function median(values: Float32Array): number | null {
  const n = values.length, middle = n >> 1;
  if (n === 0) return null;
  const parted = values.slice();
  const upper = select(parted, middle);
  return n % 2 ? upper : (largest(parted.subarray(0, middle)) + upper) / 2;
}

function largest(values: Float32Array): number {
  let most = values[0];
  for (const value of values) if (value > most) most = value;
  return most;
}

/** Moves what sorting would bring to place k there, all smaller before it (Hoare 1961), and returns it. */
function select(values: Float32Array, k: number): number {
  let from = 0, to = values.length - 1;
  while (from < to) {
    const pivot = values[(from + to) >> 1];
    let i = from, j = to;
    while (i <= j) {
      while (values[i] < pivot) i++;
      while (values[j] > pivot) j--;
      if (i > j) break;
      [values[i], values[j]] = [values[j], values[i]];
      i++, j--;
    }
    if (k <= j) to = j;
    else if (k >= i) from = i;
    else break;
  }
  return values[k];
}
