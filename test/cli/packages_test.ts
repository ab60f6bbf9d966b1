/** What `deno task start` installs: what its sources import, in the versions that are tested. */
import assert from "node:assert/strict";
import all from "../../deno.json" with { type: "json" };
import start from "../../deno.start.json" with { type: "json" };

const ROOT = new URL("../../", import.meta.url);
/** The sources that are served, serve or build. */
const FOLDERS = ["formats", "protocol", "tracking", "engines", "wasm", "server", "client"];
/** In these folders, but not for the start. */
const OTHERS = ["client/pack.ts"];
/** What no source names: `ws` takes it where it is installed. */
const UNNAMED = ["bufferutil"];

interface Lock {
  npm: Record<string, { integrity: string }>;
}

/** The locked packages, without what they were resolved beside: `name@version integrity`. */
async function locked(name: string): Promise<Set<string>> {
  const { npm }: Lock = JSON.parse(await Deno.readTextFile(new URL(name, ROOT)));
  return new Set(
    Object.entries(npm).map(([key, { integrity }]) => `${key.replace(/_.*/, "")} ${integrity}`),
  );
}

async function* sources(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(new URL(folder, ROOT))) {
    if (isDirectory) yield* sources(`${folder}/${name}`);
    else if (name.endsWith(".ts")) yield `${folder}/${name}`;
  }
}

/** The packages that a source imports or requires. */
function packages(source: string): string[] {
  const names = source.matchAll(
    /(?:\bfrom |import ?\(?|require\(|import\.meta\.url\)\()"([^"]+)"/g,
  );
  return Array.from(names, ([, name]) => name)
    .filter((name) => /^[@a-z]/.test(name) && !name.includes(":"))
    .map((name) => name.split("/").slice(0, name.startsWith("@") ? 2 : 1).join("/"));
}

Deno.test("packages: start installs what its sources import, and nothing else", async () => {
  const used = new Set<string>(UNNAMED);
  for (const folder of FOLDERS) {
    for await (const path of sources(folder)) {
      if (OTHERS.includes(path)) continue;
      packages(await Deno.readTextFile(new URL(path, ROOT))).forEach((name) => used.add(name));
    }
  }
  assert.deepEqual([...used].toSorted(), Object.keys(start.imports).toSorted());
});

Deno.test("packages: start has the versions that tests have, and both locks are frozen", async () => {
  const imports: Record<string, string> = all.imports;
  for (const [name, version] of Object.entries(start.imports)) {
    assert.equal(version, imports[name], name);
  }
  assert.ok(all.lock.frozen && start.lock.frozen);
  const tested = await locked(all.lock.path);
  for (const one of await locked(start.lock.path)) assert.ok(tested.has(one), one);
});

Deno.test("packages: a package that is not locked is refused, and the lock left as it is", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const lock = JSON.stringify({ version: "5" });
    await Deno.writeTextFile(`${folder}/deno.lock`, lock);
    const config = { nodeModulesDir: "none", lock: all.lock, imports: { uqr: all.imports.uqr } };
    await Deno.writeTextFile(`${folder}/deno.json`, JSON.stringify(config));
    await Deno.writeTextFile(`${folder}/a.ts`, 'import "uqr";');
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--cached-only", "a.ts"],
      cwd: folder,
    }).output();
    assert.equal(code, 1);
    assert.match(new TextDecoder().decode(stderr), /lockfile is out of date/);
    assert.equal(await Deno.readTextFile(`${folder}/deno.lock`), lock);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("packages: a task installs nothing that it does not ask for", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.copyFile(new URL(all.lock.path, ROOT), `${folder}/${all.lock.path}`);
    const config = { ...all, tasks: { nothing: "true" } };
    await Deno.writeTextFile(`${folder}/deno.json`, JSON.stringify(config));
    const { code } = await new Deno.Command(Deno.execPath(), {
      args: ["task", "--quiet", "nothing"],
      cwd: folder,
      stderr: "inherit",
    }).output();
    assert.equal(code, 0);
    assert.deepEqual(
      Array.from(Deno.readDirSync(folder), ({ name }) => name).toSorted(),
      ["deno.json", all.lock.path],
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
