/** Terminal commands run as a person runs them, with `deno task`, and pictures for them. */
import { type Motion, shift, Texture } from "./images.ts";
import { encodeJpeg } from "./jpeg.ts";

const ROOT = new URL("../../", import.meta.url);

export interface Ran {
  code: number;
  stdout: string;
  stderr: string;
}

/** A command that runs, its standard streams piped. */
export function spawnTask(
  name: string,
  args: string[],
  env: Record<string, string> = {},
): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["task", "--quiet", name, ...args],
    cwd: ROOT,
    env,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** Runs a command to its end. */
export async function runTask(
  name: string,
  args: string[],
  { stdin, env }: { stdin?: Uint8Array<ArrayBuffer>; env?: Record<string, string> } = {},
): Promise<Ran> {
  const child = spawnTask(name, args, env);
  const feed = new Blob(stdin ? [stdin] : []).stream().pipeTo(child.stdin)
    .catch(() => {}); // a command that reads nothing may be gone before
  const [{ code }, stdout, stderr] = await Promise.all([
    child.status,
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    feed,
  ]);
  return { code, stdout, stderr };
}

const TEXTURE = new Texture(5);

/** A picture of 160×120 pixels after a motion. */
export function picture(motion: Motion): Uint8Array<ArrayBuffer> {
  return encodeJpeg(TEXTURE.draw(160, 120, motion), { quality: 95 });
}

/** Pictures that move on by (dx, dy) pixels each. */
export function pictures(count: number, dx: number, dy: number): Uint8Array<ArrayBuffer>[] {
  return Array.from({ length: count }, (_, i) => picture(shift(i * dx, i * dy)));
}

/** Writes pictures as 1.jpg, 2.jpg and on into a new folder, which goes when it is disposed of. */
export async function folderOf(
  jpegs: Uint8Array[],
): Promise<{ path: string } & AsyncDisposable> {
  const path = await Deno.makeTempDir();
  await Promise.all(jpegs.map((jpeg, i) => Deno.writeFile(`${path}/${i + 1}.jpg`, jpeg)));
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

/** A list of bytes as one. */
export function concat(parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
