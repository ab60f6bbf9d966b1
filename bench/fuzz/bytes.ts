import type { Pick } from "../pick.ts";

const MUTATIONS = [flip, overwrite, cut, repeat, insert, truncate] as const;

/** Bytes changed in one to four places, without a look at what they mean. */
export function mutateBytes(
  bytes: Uint8Array,
  pick: Pick,
  tokens: readonly Uint8Array[],
): Uint8Array<ArrayBuffer> {
  let mutated = new Uint8Array(bytes);
  for (let n = 1 + pick.few(3); n > 0; n--) {
    mutated = pick.one(MUTATIONS)(mutated, pick, tokens);
  }
  return mutated;
}

function flip(bytes: Uint8Array<ArrayBuffer>, pick: Pick): Uint8Array<ArrayBuffer> {
  if (bytes.length > 0) bytes[pick.below(bytes.length)] ^= 1 << pick.below(8);
  return bytes;
}

function overwrite(bytes: Uint8Array<ArrayBuffer>, pick: Pick): Uint8Array<ArrayBuffer> {
  const at = pick.below(bytes.length + 1);
  bytes.fill(pick.one([0, 1, 0x7f, 0x80, 0xff, pick.below(256)]), at, at + 1 + pick.few(8));
  return bytes;
}

function cut(bytes: Uint8Array<ArrayBuffer>, pick: Pick): Uint8Array<ArrayBuffer> {
  const from = pick.below(bytes.length + 1);
  return join(bytes.subarray(0, from), bytes.subarray(from + 1 + pick.few(bytes.length)));
}

function repeat(bytes: Uint8Array<ArrayBuffer>, pick: Pick): Uint8Array<ArrayBuffer> {
  const from = pick.below(bytes.length + 1), to = from + pick.few(bytes.length);
  return join(bytes.subarray(0, to), bytes.subarray(from));
}

function insert(
  bytes: Uint8Array<ArrayBuffer>,
  pick: Pick,
  tokens: readonly Uint8Array[],
): Uint8Array<ArrayBuffer> {
  const at = pick.below(bytes.length + 1);
  return join(bytes.subarray(0, at), pick.one(tokens), bytes.subarray(at));
}

function truncate(bytes: Uint8Array<ArrayBuffer>, pick: Pick): Uint8Array<ArrayBuffer> {
  return bytes.slice(0, pick.below(bytes.length + 1));
}

export function join(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}
