import { jpegSize } from "../protocol/mod.ts";

/** JPEGs to be sent round and round. */
export interface Frames {
  width: number;
  height: number;
  jpegs: Uint8Array[];
}

/** The JPEGs of a folder in the order of their names; all must be of one size. */
export async function readFrames(folder: string): Promise<Frames> {
  const names: string[] = [];
  for await (const { name } of Deno.readDir(folder)) {
    if (/^[^.].*\.jpe?g$/i.test(name)) names.push(name);
  }
  if (names.length === 0) throw new Error(`Cannot take frames from ${folder}: it has no JPEGs`);
  names.sort();
  const jpegs = await Promise.all(names.map((name) => Deno.readFile(`${folder}/${name}`)));
  const { width, height } = jpegSize(jpegs[0]);
  jpegs.forEach((jpeg, i) => {
    const size = jpegSize(jpeg);
    if (size.width === width && size.height === height) return;
    throw new Error(
      `Cannot take ${names[i]} of ${size.width}×${size.height}: ` +
        `allowed is the size of ${names[0]}, ${width}×${height}`,
    );
  });
  return { width, height, jpegs };
}

/** A clip of a wandering texture. Loaded only when asked for: it needs the JPEG encoder's package. */
export async function makeFrames(width: number, height: number): Promise<Frames> {
  const { makeClip } = await import("./clip.ts");
  return makeClip(width, height);
}
