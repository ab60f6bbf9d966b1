/** The addon as a package, installed into an empty project of Node's. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import config from "../../deno.json" with { type: "json" };
import { MissingToolError } from "../../native/addon/build.ts";
import { packAddon } from "../../native/addon/pack.ts";
import { encodeJpeg } from "../lib/jpeg.ts";
import { shift, Texture } from "../lib/images.ts";

const ROOT = new URL("../../", import.meta.url);
const missing = await packAddon().then(() => null, (error) => {
  if (!(error instanceof MissingToolError)) throw error;
  console.warn(`Tests of the addon's package are skipped. ${error.message}`);
  return error.message;
});
/** An empty project into which the package was installed. */
let project: string;

async function ok(program: string, args: string[], cwd = project): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, { args, cwd }).output();
  const [out, error] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  assert.ok(success, `${program} ${args.join(" ")}\n${out}\n${error}`);
  return out;
}

function check(title: string, body: () => Promise<void> | void): void {
  const why = missing ? `. Skipped: ${missing}` : "";
  Deno.test({ name: `pack:addon: ${title}${why}`, ignore: missing !== null, fn: body });
}

if (!missing) {
  Deno.test.beforeAll(async () => {
    project = await Deno.makeTempDir({ prefix: "lkstream-pack-addon-" });
    const tarball = fileURLToPath(new URL(`dist/lkstream-addon-${config.version}.tgz`, ROOT));
    await Deno.writeTextFile(`${project}/package.json`, `{ "type": "module" }`);
    await ok("npm", ["install", "--offline", "--no-audit", "--no-fund", tarball]);
    const texture = new Texture(3);
    for (const [name, dx] of [["a", 0], ["b", 2.5]] as const) {
      const frame = texture.draw(160, 120, shift(dx, -1.5));
      await Deno.writeFile(`${project}/${name}.jpg`, encodeJpeg(frame, { quality: 95 }));
    }
  });
  Deno.test.afterAll(async () => {
    if (project) await Deno.remove(project, { recursive: true });
  });
}

check("it has the library, what that is linked with, and the licences of all", async () => {
  const folder = `${project}/node_modules/lkstream-addon`;
  const names = Array.from(Deno.readDirSync(folder), ({ name }) => name);
  const expected = [
    ...["LICENSE", "LICENSE-libjpeg-turbo.txt", "README.md", "index.cjs", "index.d.ts"],
    ...["index.mjs", "lkstream.node", "liblkstream.so", "package.json"],
  ];
  for (const name of expected) assert.ok(names.includes(name), name);
  assert.ok(names.some((name) => name.startsWith("libjpeg.so")));
  const library = new TextDecoder("latin1").decode(Deno.readFileSync(`${folder}/liblkstream.so`));
  const hasCuda = library.includes("cudaGetDeviceCount");
  assert.equal(names.includes("LICENSE-cuda-runtime.txt"), hasCuda);
  const jpegLicence = await Deno.readTextFile(`${folder}/LICENSE-libjpeg-turbo.txt`);
  assert.match(jpegLicence, /D\. R\. Commander/);
  const readme = await Deno.readTextFile(`${folder}/README.md`);
  assert.match(readme, /^This package was built for Linux on \w+ with glibc 2\.\d+ or later\.$/m);
  const files = await ok("ldd", [`${folder}/lkstream.node`]);
  assert.match(files, new RegExp(`libjpeg\\.so\\S* => ${folder}/libjpeg`));
});

check("the ten lines of the documents track two pictures", async () => {
  const text = await Deno.readTextFile(new URL("docs/addon.md", ROOT));
  const code = /^```js\n(.*?)^```$/ms.exec(text)![1];
  assert.ok(code.trim().split("\n").filter(Boolean).length <= 10, code);
  await Deno.writeTextFile(`${project}/two.js`, code);
  const lines = (await ok("node", ["two.js"])).matchAll(/\[ *([-\d.]+), *([-\d.]+) *\]/g);
  const pairs = Array.from(lines, ([, x, y]) => [Number(x), Number(y)]);
  const moved = pairs.flatMap(([x, y], i) =>
    i % 2 === 0 ? [[pairs[i + 1][0] - x, pairs[i + 1][1] - y]] : []
  );
  assert.ok(moved.length > 50, `${moved.length} points`);
  const right = moved.filter(([dx, dy]) => Math.hypot(dx - 2.5, dy) < 0.1);
  assert.ok(right.length > 0.9 * moved.length, `${right.length} of ${moved.length}`);
});

check("require works too, and an option that is none is an error", async () => {
  const code = `
    const { Engine } = require("lkstream-addon");
    new Engine().calc({}, {}, new Float32Array(), { maxlevel: 2 }).catch(({ code, message }) =>
      console.log(code, message));
  `;
  await Deno.writeTextFile(`${project}/wrong.cjs`, code);
  assert.match(await ok("node", ["wrong.cjs"]), /^invalid_argument Cannot set maxlevel to 2: /);
});

check("the types are complete, and wrong use is an error", async () => {
  await Deno.writeTextFile(
    `${project}/use.ts`,
    `import { decodeGrey, Engine, type Flow, type Image } from "lkstream-addon";
const engine = new Engine({ kind: "cuda" });
const image: Image = await decodeGrey(new Uint8Array());
const { corners } = await engine.detect(image, null, { maxCorners: 5 });
const { points, fb }: Flow = await engine.calc(image, image, corners, { back: true });
void points; void fb;
// @ts-expect-error an option that is none
engine.calc(image, image, corners, { maxlevel: 2 });
// @ts-expect-error a mask comes before the options
engine.detect(image, { maxCorners: 5 });
`,
  );
  const compilerOptions = {
    ...{ strict: true, noEmit: true, target: "es2022", module: "nodenext", types: [] },
    lib: ["es2022", "dom", "esnext.disposable"],
  };
  await Deno.writeTextFile(
    `${project}/tsconfig.json`,
    JSON.stringify({ compilerOptions, files: ["use.ts"] }),
  );
  await ok("node", [fileURLToPath(new URL("node_modules/typescript/bin/tsc", ROOT))]);
});
