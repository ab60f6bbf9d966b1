import { quote } from "../protocol/mod.ts";
import { UsageError } from "./command_line.ts";

/**
 * Reads points from a file, in pixels: a CSV whose head names x and y, or `x,y` a line; JSON as
 * `flow` writes it, or a list of [x, y]; or an array of NumPy's, of shape (n, 2) or (n, 1, 2).
 *
 * @returns x, y pairs, in the order of the file
 * @throws {UsageError} naming the file and what is wrong with it.
 */
export async function readPoints(file: string): Promise<Float32Array> {
  const bytes = await Deno.readFile(file).catch((error) => refuse(file, (error as Error).message));
  const xy = isNpy(bytes) ? readNpy(bytes, file) : readText(new TextDecoder().decode(bytes), file);
  if (xy.length === 0) refuse(file, "it has none");
  const wrong = xy.findIndex((value) => !Number.isFinite(Math.fround(value)));
  if (wrong >= 0) {
    const point = Math.floor(wrong / 2);
    refuse(file, `point ${point} is at ${xy.slice(2 * point, 2 * point + 2)}, allowed are pixels`);
  }
  return Float32Array.from(xy);
}

function refuse(file: string, why: string): never {
  throw new UsageError(`Cannot read points from ${file}: ${why}`);
}

function readText(text: string, file: string): number[] {
  return /^\s*[[{]/.test(text) ? readJson(text, file) : readCsv(text, file);
}

function readJson(text: string, file: string): number[] {
  let value;
  try {
    value = JSON.parse(text);
  } catch (error) {
    refuse(file, (error as Error).message);
  }
  const pairs = Array.isArray(value)
    ? value
    : value.points?.x?.map((x: unknown, i: number) => [x, value.points.y?.[i]]);
  const isPair = (pair: unknown) =>
    Array.isArray(pair) && pair.length === 2 && pair.every((v) => typeof v === "number");
  if (!pairs?.every(isPair)) {
    refuse(file, "allowed are [[x,y],…] and what flow writes: points of x and y, all numbers");
  }
  return pairs.flat();
}

function readCsv(text: string, file: string): number[] {
  const rows = text.split(/\r?\n/).map((line) => line.split("#")[0].trim())
    .flatMap((line, i) => line === "" ? [] : [{ number: i + 1, cells: line.split(/[,;\s]+/) }]);
  const head = rows[0]?.cells.map((cell) => cell.toLowerCase()) ?? [];
  const hasHead = head.includes("x") && head.includes("y");
  if (hasHead && head.includes("seq")) {
    refuse(file, "it has those of many frames, by seq; allowed are those of one");
  }
  const [x, y] = hasHead ? [head.indexOf("x"), head.indexOf("y")] : [0, 1];
  return rows.slice(hasHead ? 1 : 0).flatMap(({ number, cells }) => {
    const pair = [Number(cells[x] || NaN), Number(cells[y] || NaN)];
    if (pair.every(Number.isFinite) && (hasHead || cells.length === 2)) return pair;
    refuse(file, `line ${number} is ${quote(cells.join())}, allowed are x,y a line`);
  });
}

const NPY = "\x93NUMPY";

function isNpy(bytes: Uint8Array): boolean {
  return NPY.split("").every((char, i) => bytes[i] === char.charCodeAt(0));
}

/** NumPy's format, versions 1 to 3 (NEP 1): a header of Python's literals, then the values. */
function readNpy(bytes: Uint8Array, file: string): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [sizeAt, start] = view.getUint8(6) === 1 ? [2, 10] : [4, 12];
  const length = sizeAt === 2 ? view.getUint16(8, true) : view.getUint32(8, true);
  const header = new TextDecoder("latin1").decode(bytes.subarray(start, start + length));
  const [, type] = /'descr': *'([^']+)'/.exec(header) ?? [];
  const shape = /'shape': *\(([^)]*)\)/.exec(header)?.[1].match(/\d+/g)?.map(Number) ?? [];
  const isPairs = shape.at(-1) === 2 &&
    (shape.length === 2 || shape.length === 3 && shape[1] === 1);
  if (!isPairs || !/'fortran_order': *False/.test(header)) {
    refuse(file, `its shape is (${shape.join(", ")}), allowed are rows of (n, 2) and (n, 1, 2)`);
  }
  const read = NPY_TYPES[type];
  if (!read) refuse(file, `its type is ${type}, allowed are ${Object.keys(NPY_TYPES).join(", ")}`);
  const width = Number(type.at(-1)), from = start + length;
  if (view.byteLength < from + 2 * shape[0] * width) refuse(file, "it is cut short");
  return Array.from({ length: 2 * shape[0] }, (_, i) => read(view, from + i * width));
}

const NPY_TYPES: Record<string, (view: DataView, at: number) => number> = {
  "<f4": (view, at) => view.getFloat32(at, true),
  "<f8": (view, at) => view.getFloat64(at, true),
  "<i4": (view, at) => view.getInt32(at, true),
  "<i8": (view, at) => Number(view.getBigInt64(at, true)),
};
