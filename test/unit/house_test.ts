/** The rules of the house: who may import whom. They are read off the sources themselves. */
import assert from "node:assert/strict";
import config from "../../deno.json" with { type: "json" };

const ROOT = new URL("../../", import.meta.url);
const FOLDERS = [
  ...["protocol", "formats", "tracking", "engines", "wasm", "native", "server", "cli"],
  ...["client", "test", "bench", "examples"],
];

/** The folders that each may import from, its own aside. Tests, benches and examples may import from all. */
const MAY_IMPORT: Record<string, string[]> = {
  "protocol/": [],
  "formats/": ["protocol/"],
  "tracking/": ["protocol/"],
  "wasm/": ["tracking/", "protocol/"],
  "engines/": ["wasm/", "tracking/", "protocol/"],
  "client/sdk/": ["protocol/"],
  "client/page/": ["client/sdk/", "formats/", "protocol/"],
  "server/": ["formats/", "engines/", "tracking/", "protocol/"],
  "cli/": ["formats/", "engines/", "tracking/", "protocol/", "client/sdk/"],
  "native/": ["engines/", "tracking/", "protocol/"],
  "client/": [], // its builds
};

/** Modules from outside that a folder may import, where not all are allowed. */
const MAY_USE: Record<string, RegExp> = {
  "protocol/": /^valibot$/,
  "formats/": /^@mcap\/core$/,
  "tracking/": /^$/,
  "engines/": /^$/,
  "client/": /^(valibot|esbuild|dts-bundle-generator)$/,
};

interface Imports {
  /** Files of the project. */
  files: string[];
  /** Files of the project that it starts as workers. */
  workers: string[];
  /** By their names, without a version. */
  modules: string[];
}

const SOURCES = await readSources();

/** Every file of the project that is TypeScript, and what it imports. */
async function readSources(): Promise<Map<string, Imports>> {
  const sources = new Map<string, Imports>();
  for (const folder of FOLDERS) {
    for await (const path of list(`${folder}/`)) {
      sources.set(path, importsOf(path, await Deno.readTextFile(new URL(path, ROOT))));
    }
  }
  return sources;
}

async function* list(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(new URL(folder, ROOT))) {
    if (isDirectory && !name.startsWith("build")) yield* list(`${folder}${name}/`);
    else if (name.endsWith(".ts")) yield folder + name;
  }
}

/** Of values and of types, by statements and by `import("…")`. */
function importsOf(path: string, text: string): Imports {
  const code = text.replaceAll(/^\s*(\/\/|\/?\*).*$/gm, ""); // comments show imports too
  const all = (pattern: RegExp) => Array.from(code.matchAll(pattern), ([, name]) => name);
  const names = [
    ...all(/^(?:import|export)\b(?:[^;"]*? from)? "([^"]+)"/gm),
    ...all(/\bimport\("([^"]+)"\)/g),
  ];
  const resolve = (name: string) => new URL(name, new URL(path, ROOT)).href.slice(ROOT.href.length);
  const isFile = (name: string) => name.startsWith(".");
  return {
    files: names.filter(isFile).map(resolve),
    workers: all(/\bnew URL\("(\.[^"]+\.ts)", import\.meta\.url\)/g).map(resolve),
    modules: names.filter((name) => !isFile(name)),
  };
}

/** The imports that `isWrong`, as "who → what". */
function wrongOf(of: keyof Imports, isWrong: (from: string, to: string) => boolean): string[] {
  return [...SOURCES].flatMap(([from, imports]) =>
    imports[of].filter((to) => isWrong(from, to)).map((to) => `${from} → ${to}`)
  ).toSorted();
}

/** The rule of a path: that of the first folder that it is in. */
function ruleOf<T>(rules: Record<string, T>, path: string): [folder: string, rule: T] | undefined {
  return Object.entries(rules).find(([folder]) => path.startsWith(folder));
}

Deno.test("house: the sources are found, and their imports", () => {
  assert.ok(SOURCES.size > 200, `${SOURCES.size} files`);
  assert.ok(SOURCES.get("server/main.ts")!.files.includes("server/config.ts"));
  assert.ok(SOURCES.get("wasm/mod.ts")!.workers.includes("wasm/worker.ts"));
  assert.ok(SOURCES.get("server/http/server.ts")!.modules.includes("ws"));
  const missing = wrongOf("files", (_, to) => to.endsWith(".ts") && !SOURCES.has(to));
  assert.deepEqual(missing, []);
});

Deno.test("house: a folder imports only from those below it", () => {
  const isWrong = (from: string, to: string) => {
    const [folder, allowed] = ruleOf(MAY_IMPORT, from) ?? [];
    return folder !== undefined && to.endsWith(".ts") &&
      ![folder, ...allowed!].some((inside) => to.startsWith(inside));
  };
  assert.deepEqual([...wrongOf("files", isWrong), ...wrongOf("workers", isWrong)], []);
});

Deno.test("house: what knows no socket, no file and no framework imports none", () => {
  const wrong = wrongOf("modules", (from, to) => !(ruleOf(MAY_USE, from)?.[1].test(to) ?? true));
  assert.deepEqual(wrong, []);
});

Deno.test("house: what is checked without a browser, or without Deno, is checked with the same packages", async () => {
  for (const name of ["deno.client.json", "deno.server.json"]) {
    const { imports } = JSON.parse(await Deno.readTextFile(new URL(name, ROOT)));
    const ours = Object.keys(imports).map((name) => [name, config.imports[name as never]]);
    assert.deepEqual(imports, Object.fromEntries(ours), name);
  }
});

Deno.test("house: no two files import each other, by whatever way round", () => {
  assert.deepEqual(rings(), []);
});

/** Sets of files each of which leads to all the others (Tarjan, 1972). */
function rings(): string[] {
  const found: string[] = [];
  const stack: string[] = [];
  const order = new Map<string, number>();
  const visit = (path: string): number => {
    const own = order.size;
    order.set(path, own);
    stack.push(path);
    let lowest = own;
    for (const next of SOURCES.get(path)?.files ?? []) {
      if (!order.has(next)) lowest = Math.min(lowest, visit(next));
      else if (stack.includes(next)) lowest = Math.min(lowest, order.get(next)!);
    }
    if (lowest === own) {
      const ring = stack.splice(stack.indexOf(path));
      if (ring.length > 1) found.push(ring.toSorted().join(", "));
    }
    return lowest;
  };
  for (const path of SOURCES.keys()) if (!order.has(path)) visit(path);
  return found.toSorted();
}
