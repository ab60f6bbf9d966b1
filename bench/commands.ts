import type { EngineInfo } from "../protocol/mod.ts";
import { type Clip, makeClip } from "./clip.ts";

const ROOT = new URL("../", import.meta.url);
const ROUNDS = 4;

/** Prints the frames a second of `deno task track`, with and without drawing, after checking that it tracks right. */
export async function benchCommands({ name }: EngineInfo): Promise<void> {
  const clip = makeClip(640, 480);
  const plain = await track(name, clip, []);
  const folder = await Deno.makeTempDir();
  try {
    const drawn = await track(name, clip, ["--draw", folder]);
    console.log(
      `\ndeno task track on ${name}, 640×480, 500 points there and back: ` +
        `${plain} frames/s, ${drawn} with --draw`,
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Runs the command as a person does; returns the rate that it tells. */
async function track(engine: string, clip: Clip, flags: string[]): Promise<number> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["task", "--quiet", "track", "-", "--engine", engine, ...flags],
    cwd: ROOT,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const [stdout, stderr] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    new Blob(Array(ROUNDS).fill(clip.jpegs).flat()).stream().pipeTo(child.stdin),
  ]);
  const lines = stdout.trimEnd().split("\n");
  const [dx, dy] = JSON.parse(lines[1]).flow, [x, y] = clip.offset(1);
  if (lines.length !== ROUNDS * clip.jpegs.length || Math.hypot(dx - x, dy - y) > 0.1) {
    throw new Error(`Cannot bench track: ${lines.length} frames, flow ${dx}, ${dy}; ${stderr}`);
  }
  return Number(/(\d+) frames\/s/.exec(stderr)![1]);
}
