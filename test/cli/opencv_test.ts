/** The programs of examples/opencv, as a person runs them, and the page that leads to them. */
import assert from "node:assert/strict";
import config from "../../deno.json" with { type: "json" };
import { buildAddon, MissingToolError } from "../../native/addon/build.ts";
import { CAMERA } from "../../examples/opencv/sample.ts";
import { main as flow } from "../../cli/flow.ts";
import { main as track } from "../../cli/track.ts";
import { OPTIONS } from "../../protocol/mod.ts";
import { run } from "../lib/commands.ts";
import { decodePixels } from "../lib/pixels.ts";

const ROOT = new URL("../../", import.meta.url);
const missing = await buildAddon().then(() => null, (error) => {
  if (!(error instanceof MissingToolError)) throw error;
  console.warn(`Tests of examples/opencv are skipped. ${error.message}`);
  return error.message;
});

/** Runs an example; checks that its drawing has colours, and gives what it printed, line by line. */
async function example(name: string, args: string[] = []): Promise<string[]> {
  const output = await Deno.makeTempFile({ suffix: ".png" });
  try {
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        "--quiet",
        "--no-check",
        `examples/opencv/${name}.ts`,
        ...args,
        "-o",
        output,
      ],
      cwd: ROOT,
    }).output();
    const [out, error] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
    assert.ok(success, error);
    const picture = decodePixels(await Deno.readFile(output));
    let coloured = 0;
    for (let y = 0; y < picture.height; y += 2) {
      for (let x = 0; x < picture.width; x += 2) {
        const rgb = picture.at(x, y);
        if (Math.max(...rgb) - Math.min(...rgb) > 60) coloured++;
      }
    }
    assert.ok(coloured > 300, `${coloured} pixels of ${name} have a colour`);
    const lines = out.trim().split("\n");
    assert.equal(lines.pop(), `${output} shows it`);
    return lines;
  } finally {
    await Deno.remove(output);
  }
}

function check(title: string, body: () => Promise<void>): void {
  const why = missing ? `. Skipped: ${missing}` : "";
  Deno.test({ name: `opencv: ${title}${why}`, ignore: missing !== null, fn: body });
}

function numbers(line: string): number[] {
  return (line.match(/-?\d+(\.\d+)?/g) ?? []).map(Number);
}

check("two frames are followed, and drawn; on a GPU, or where there is none, alike", async () => {
  const [line] = await example("two_frames");
  const [found, all, error] = numbers(line);
  assert.equal(all, 300);
  assert.ok(found > 280 && error < 4, line);
  const gpu = await example("two_frames_gpu");
  assert.match(gpu.join("\n"), /^on (cuda|cpu): /m);
  assert.deepEqual(numbers(gpu.at(-1)!).slice(0, 2), [found, all]);
});

check("pictures of one's own are taken", async () => {
  const pictures = ["a", "b"].map((name) => `test/inputs/base-${name}.jpg`);
  const [found, all] = numbers((await example("two_frames", pictures))[0]);
  assert.ok(found > 0.9 * all && all > 50, `${found} of ${all}`);
});

check("cameras run at once, each as it does alone", async () => {
  const [times, ...cameras] = await example("streams");
  assert.match(times, /^4 cameras: \d+ ms one by one, \d+ ms at once$/);
  assert.equal(cameras.length, 4);
  for (const line of cameras) assert.ok(numbers(line)[1] > 40, line);
});

check("a sequence feeds its points back", async () => {
  const [lived, found, frames] = numbers((await example("sequence"))[0]);
  assert.ok(frames === 30 && found === 150 && lived > 60, `${lived}`);
});

check("detect heeds its mask, and a guess reaches farther", async () => {
  const [corners, found] = await example("detect_and_calc");
  assert.ok(numbers(corners)[0] > 80, corners);
  const [withGuess, without] = numbers(found);
  assert.ok(withGuess > 1.3 * without, found);
});

check("the camera's motion is what it was, whatever flies by", async () => {
  const lines = await example("camera_motion");
  assert.equal(lines.length, 11);
  for (const line of lines) {
    const [, medianX, , x, y, degrees, scale, agree, all] = numbers(line);
    assert.ok(Math.hypot(x - CAMERA.dx, y - CAMERA.dy) < 0.05, line);
    assert.ok(Math.abs(degrees - CAMERA.degrees) < 0.02, line);
    assert.ok(Math.abs(scale - CAMERA.scale) < 0.001, line);
    assert.ok(agree > 0.85 * all && agree < all, line);
    assert.ok(Math.abs(medianX - CAMERA.dx) > 0.2, "the median alone mixes turn, zoom and motion");
  }
});

/** The cells of the page's tables of arguments, by the head of their column. */
async function argumentTables(): Promise<Map<string, string>[]> {
  const page = await Deno.readTextFile(new URL("docs/opencv.md", ROOT));
  const tables = page.match(/(^\|.*\n)+/gm)!;
  const cells = (line: string) => line.split("|").slice(1, -1).map((cell) => cell.trim());
  return tables.flatMap((table) => {
    const [head, , ...rows] = table.trim().split("\n").map(cells);
    return head[0] === "argument"
      ? rows.map((row) => new Map(head.map((name, i) => [name, row[i]])))
      : [];
  });
}

function names(cell: string): string[] {
  return Array.from(cell.matchAll(/`([^`]+)`/g), ([, name]) => name);
}

Deno.test("opencv: every option, flag and call that the page names exists", async () => {
  const rows = await argumentTables();
  assert.ok(rows.length > 30, `${rows.length} rows`);
  const help = (await Promise.all([flow, track].map((main) => run(main, ["--help"]))))
    .map(({ stdout }) => stdout).join();
  const types = await Deno.readTextFile(new URL("native/addon/index.d.ts", ROOT));
  const sdk = (await Promise.all(
    ["interface", "connection"].map((name) =>
      Deno.readTextFile(new URL(`client/sdk/connection/${name}.ts`, ROOT))
    ),
  )).join();
  const pages = { "addon call": types, "SDK call": sdk };
  const seen = { option: 0, flag: 0, "addon call": 0, "SDK call": 0 };
  for (const row of rows) {
    const where = row.get("argument");
    for (const name of names(row.get("option")!)) {
      assert.ok(OPTIONS.has(name), `${where}: ${name} is no option`);
      seen.option++;
    }
    for (const flag of names(row.get("flag")!)) {
      assert.match(help, new RegExp(`(^|\\s)${flag.split(" ")[0]}\\b`, "m"), `${where}: ${flag}`);
      const [, set] = /^--set (\S+)=/.exec(flag) ?? [];
      if (set) assert.ok(OPTIONS.has(set), `${where}: ${flag}`);
      seen.flag++;
    }
    for (const [column, text] of Object.entries(pages)) {
      for (const name of names(row.get(column)!)) {
        const word = /^\w+/.exec(name.replace(/^(engine|sequence|connection)\./, ""))![0];
        assert.match(text, new RegExp(`^ *(readonly )?${word}\\??[:(<]`, "m"), `${where}: ${name}`);
        seen[column as keyof typeof seen]++;
      }
    }
  }
  for (const [column, count] of Object.entries(seen)) assert.ok(count > 8, `${column}: ${count}`);
});

Deno.test("opencv: the page shows every example, with the line that runs it", async () => {
  const page = await Deno.readTextFile(new URL("docs/opencv.md", ROOT));
  for (
    const name of [
      ...["two_frames", "two_frames_gpu", "streams", "sequence", "detect_and_calc"],
      "camera_motion",
    ]
  ) {
    assert.ok(page.includes(`deno run -A examples/opencv/${name}.ts`), name);
    await Deno.stat(new URL(`examples/opencv/${name}.ts`, ROOT));
  }
  for (const [, image] of page.matchAll(/\]\((images\/[^)]+)\)/g)) {
    await Deno.stat(new URL(`docs/${image}`, ROOT));
  }
  assert.ok(config.tasks["pack:addon"]);
});
