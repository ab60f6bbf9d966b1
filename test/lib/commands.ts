/** Terminal commands, in this process or as a person runs them, and pictures for them. */
import { encode } from "fast-png";
import type { FlowEngine, Grey } from "../../tracking/engine.ts";
import { openEngine } from "../../cli/settings.ts";
import type { Main } from "../../cli/command_line.ts";
import { type Motion, shift, Texture } from "./images.ts";
import { encodeJpeg } from "./jpeg.ts";

const ROOT = new URL("../../", import.meta.url);

export interface Ran {
  code: number;
  stdout: string;
  stderr: string;
}

/** What a command is given beside its arguments. */
export interface Given {
  stdin?: Uint8Array<ArrayBuffer>;
  /** Variables, before those of this process. */
  env?: Record<string, string>;
  /** Whether who reads standard output has seen enough, and closes it. */
  enough?: (stdout: string) => boolean;
}

/** Runs a command in this process, to its end and that of its sockets. */
export async function run(
  main: Main,
  args: string[],
  { stdin = new Uint8Array(), env = {}, enough = () => false }: Given = {},
): Promise<Ran> {
  await using _ = watchSockets();
  const decoder = new TextDecoder();
  let stdout = "", stderr = "";
  const code = await main(args, {
    stdin: new Blob([stdin]).stream(),
    stdout: {
      write(bytes) {
        if (enough(stdout)) return Promise.reject(new Deno.errors.BrokenPipe("read no more"));
        stdout += decoder.decode(bytes, { stream: true });
        return Promise.resolve(bytes.length);
      },
    },
    stderr: { write: (text) => stderr += text, isTerminal: false },
    env: (name) => env[name] ?? Deno.env.get(name),
    signal: new AbortController().signal,
  });
  return { code, stdout, stderr };
}

/** At its end waits for every socket that was opened meanwhile: closing one takes its time. */
function watchSockets(): AsyncDisposable {
  const native = globalThis.WebSocket;
  const closed: Promise<unknown>[] = [];
  globalThis.WebSocket = class extends native {
    constructor(...args: ConstructorParameters<typeof native>) {
      super(...args);
      closed.push(new Promise((done) => this.addEventListener("close", done)));
    }
  };
  return {
    async [Symbol.asyncDispose]() {
      globalThis.WebSocket = native;
      await Promise.all(closed);
    },
  };
}

/** Starts a command with `deno task`, its standard streams piped. */
export function spawnTask(name: string, args: string[]): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["task", "--quiet", name, ...args],
    cwd: ROOT,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
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

/** Writes files by their paths into a new folder, which goes when it is disposed of. */
export async function inFolder(
  files: Record<string, string | Uint8Array>,
): Promise<{ path: string } & AsyncDisposable> {
  const path = await Deno.makeTempDir();
  for (const [name, content] of Object.entries(files)) {
    const file = `${path}/${name.replace(/^\//, "")}`;
    await Deno.mkdir(file.replace(/\/[^/]*$/, ""), { recursive: true });
    await (typeof content === "string"
      ? Deno.writeTextFile(file, content)
      : Deno.writeFile(file, content));
  }
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

/** Grey levels as a PNG. */
export function pngOf({ width, height, data }: Grey): Uint8Array {
  return encode({ width, height, data, channels: 1 });
}

/** The engine that commands take here, to compare with. */
export async function openedEngine(): Promise<FlowEngine & AsyncDisposable> {
  const engine = await openEngine({}, { env: (name) => Deno.env.get(name) });
  return Object.assign(engine, { [Symbol.asyncDispose]: () => engine.close() });
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
