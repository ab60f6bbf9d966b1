import { isPictureName } from "../pictures/picture.ts";

/** A picture's file, and when it was taken, in milliseconds; null where nothing tells. */
export interface TimedFile {
  file: string;
  time: number | null;
}

/** Where data sets keep the pictures of their first camera: KITTI, TUM RGB-D, EuRoC. */
const PICTURES_IN = [
  "",
  ...["data", "rgb", "image_0", "image_00/data", "cam0/data", "mav0/cam0/data"].map((f) => `/${f}`),
];

const { compare } = new Intl.Collator("en", { numeric: true });

/**
 * The pictures of a folder in natural order, or in that of their times where these are known: from
 * the list that EuRoC, TUM RGB-D and KITTI keep beside them, or from their names. A folder of such
 * a data set stands for the pictures of its first camera.
 *
 * @returns none where there is no picture
 */
export async function listPictures(folder: string): Promise<TimedFile[]> {
  const root = folder.replace(/(?<=.)\/+$/, "");
  for (const inside of PICTURES_IN) {
    const names = await pictureNames(root + inside);
    if (names.length > 0) return await withTimes(root + inside, names.toSorted(compare));
  }
  return [];
}

async function pictureNames(folder: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const { name, isDirectory } of Deno.readDir(folder)) {
      // names with a dot before them are hidden: ._1.jpg is what macOS knows about 1.jpg
      if (!isDirectory && !name.startsWith(".") && isPictureName(name)) names.push(name);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory)) {
      throw error;
    }
  }
  return names;
}

async function withTimes(folder: string, names: string[]): Promise<TimedFile[]> {
  const times = await listedTimes(folder, names) ?? namedTimes(names);
  const files = names.map((name, i) => ({ file: `${folder}/${name}`, time: times?.[i] ?? null }));
  return times ? files.toSorted((a, b) => a.time! - b.time!) : files;
}

/** From a list of times beside the folder; null where none has a time for every picture. */
async function listedTimes(folder: string, names: string[]): Promise<number[] | null> {
  const real = await Deno.realPath(folder);
  const [own, parent] = [real.replace(/.*\//, ""), real.replace(/\/[^/]*$/, "")];
  for (const list of ["data.csv", "timestamps.txt", "times.txt", `${own}.txt`]) {
    const text = await Deno.readTextFile(`${parent}/${list}`).catch(() => "");
    const lookUp = readTimes(text);
    const times = names.map(lookUp);
    if (times.every((time) => time !== null)) return times;
  }
  return null;
}

/**
 * Reads a list of times: `time,name` or `time path` a line, or a line a picture, whose name is the
 * line's number. Lines that begin with # are comments.
 *
 * @returns the time of a picture by its name, in milliseconds
 */
export function readTimes(text: string): (name: string) => number | null {
  const byName = new Map<string, number>(), byLine: number[] = [];
  for (const line of text.split(/\r?\n/)) {
    if (line.startsWith("#") || line.trim() === "") continue;
    const [time, path] = isDate(line) ? [line] : line.trim().split(/[,\s]+/);
    if (path === undefined) byLine.push(parseTime(time));
    else byName.set(path.replace(/.*\//, ""), parseTime(time));
  }
  return (name) => {
    const time = byName.get(name) ?? byLine[Number(/^\d+/.exec(name)?.[0] ?? NaN)];
    return time === undefined || Number.isNaN(time) ? null : time;
  };
}

/** As KITTI writes them: 2011-09-26 13:02:25.594360375. */
const DATE = /^\s*(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(\.\d+)?\s*$/;

function isDate(text: string): boolean {
  return DATE.test(text);
}

/** A date, nanoseconds as a long whole number, or else seconds; in milliseconds. */
function parseTime(text: string): number {
  const [, day, time, fraction] = DATE.exec(text) ?? [];
  if (day) return Date.parse(`${day}T${time}Z`) + 1000 * Number(fraction ?? 0);
  const number = Number(text);
  return Number.isInteger(number) && number > 1e14 ? number / 1e6 : 1000 * number;
}

/** Seconds since 1970 of the years 2001 to 2096: so file names that count are no times. */
const FIRST = 1e9, LAST = 4e9;
const UNITS = [1, 1e3, 1e6, 1e9];

/** From names that are times since 1970, in s, ms, µs or ns; null where one is not. */
function namedTimes(names: string[]): number[] | null {
  const times = names.map((name) => {
    const number = Number(/^\d+(\.\d+)?(?=\.\w+$)/.exec(name)?.[0] ?? NaN);
    const unit = UNITS.find((unit) => number / unit >= FIRST && number / unit < LAST);
    return unit === undefined ? NaN : 1000 * number / unit;
  });
  return times.some(Number.isNaN) ? null : times;
}
