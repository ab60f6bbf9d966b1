import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { forgetOthers } from "../../native/cmake_cache.ts";
import { LIBRARIES, taskCommand } from "../lib/task_command.ts";

const ROOT = new URL("../../", import.meta.url);

/** The sources of the page alone, elsewhere: this checkout's own page is served to other tests meanwhile. */
class PageProject implements AsyncDisposable {
  private constructor(readonly folder: string) {}

  static async make(): Promise<PageProject> {
    const folder = await Deno.makeTempDir();
    for (const part of ["client", "formats", "protocol", "deno.start.json"]) {
      await copy(new URL(part, ROOT), `${folder}/${part}`);
    }
    await Deno.symlink(fileURLToPath(new URL("node_modules", ROOT)), `${folder}/node_modules`);
    return new PageProject(folder);
  }

  /** @returns what it says, or why it failed */
  async build(...permissions: string[]): Promise<string> {
    const config = fileURLToPath(new URL("deno.start.json", ROOT));
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "--quiet", "--no-prompt", "--config", config],
        ...permissions,
        `${this.folder}/client/build.ts`,
      ],
    }).output();
    return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  }

  /** How many bytes each file of the built page has. */
  sizes(): Map<string, number> {
    const client = `${this.folder}/dist/client`;
    const names = Array.from(Deno.readDirSync(client), ({ name }) => name).toSorted();
    return new Map(names.map((name) => [name, Deno.statSync(`${client}/${name}`).size]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.folder, { recursive: true });
  }
}

async function copy(from: URL, to: string): Promise<void> {
  if (!(await Deno.stat(from)).isDirectory) return await Deno.copyFile(from, to);
  await Deno.mkdir(to);
  for await (const { name } of Deno.readDir(from)) {
    await copy(new URL(`${from.href}/${name}`), `${to}/${name}`);
  }
}

Deno.test("build: the page is whole at every moment while two builds replace it", async () => {
  await using project = await PageProject.make();
  const client = `${project.folder}/dist/client`;
  await project.build("-A");
  const whole = project.sizes();
  assert.ok(whole.has("index.html") && whole.has("lkstream.js"));
  await Deno.writeTextFile(`${client}/left-over.js`, "");
  let isOver = false;
  const builds = Promise.all([project.build("-A"), project.build("-A")]).finally(() =>
    isOver = true
  );
  while (!isOver) {
    for (const [name, size] of whole) {
      assert.equal(Deno.statSync(`${client}/${name}`).size, size, name);
    }
    await new Promise((later) => setTimeout(later, 1));
  }
  await builds;
  assert.deepEqual(project.sizes(), whole);
  const others = Array.from(Deno.readDirSync(`${project.folder}/dist`), ({ name }) => name)
    .filter((name) => name.startsWith("client-"));
  assert.deepEqual(others, []);
});

Deno.test("build: a page that is built is not built again, nor is anything written", async () => {
  await using project = await PageProject.make();
  assert.match(await project.build("-A"), /^Built dist\/client/);
  assert.equal(await project.build("--allow-read"), "");
  await Deno.writeTextFile(`${project.folder}/protocol/jpeg.ts`, "\n", { append: true });
  assert.match(await project.build("--allow-read"), /NotCapable.*write/, "it is stale");
  assert.match(await project.build("-A"), /^Built dist\/client/);
  await Deno.remove(`${project.folder}/dist/client/page.js`);
  assert.match(await project.build("-A"), /^Built dist\/client/);
});

/**
 * Stands in for cmake: notes when a build begins and ends, and makes the library.
 * Like cmake, it takes no folder that it filled for sources elsewhere.
 */
const CMAKE = `#!/bin/sh
case "$1" in
  -S)
    mkdir -p "$4"
    home="CMAKE_HOME_DIRECTORY:INTERNAL=$(echo "$2" | sed 's,/$,,')"
    [ -e "$4/CMakeCache.txt" ] && ! grep -qx "$home" "$4/CMakeCache.txt" && exit 1
    printf '%s\\nCMAKE_GENERATOR:INTERNAL=%s\\n' "$home" "$6" > "$4/CMakeCache.txt" ;;
  --build)
    echo begin >> "$NOTES"; sleep 0.5; echo end >> "$NOTES"
    [ -e "$NOTES.fail" ] && exit 1
    echo library > "$2/liblkstream.so" ;;
esac
`;

/** A project of native/build.ts alone, with a compiler that only pretends. */
class NativeProject implements AsyncDisposable {
  private constructor(public folder: string) {}

  static async make(): Promise<NativeProject> {
    const folder = await Deno.makeTempDir();
    for (const name of ["native/include", "native/src", "dist", "bin"]) {
      await Deno.mkdir(`${folder}/${name}`, { recursive: true });
    }
    for (const name of ["native/build.ts", "native/cmake_cache.ts"]) {
      await Deno.copyFile(new URL(name, ROOT), `${folder}/${name}`);
    }
    await Deno.writeTextFile(`${folder}/native/CMakeLists.txt`, "");
    await Deno.writeTextFile(`${folder}/native/src/a.cpp`, "");
    await Deno.writeTextFile(`${folder}/bin/cmake`, CMAKE, { mode: 0o755 });
    await Deno.writeTextFile(`${folder}/bin/c++`, "#!/bin/sh\n", { mode: 0o755 });
    return new NativeProject(folder);
  }

  /**
   * Runs the build, with the permissions of its task by default. It must succeed and say nothing on
   * standard output.
   */
  async build(...permissions: string[]): Promise<void> {
    const { folder } = this;
    const allowed = permissions.length > 0
      ? permissions
      : taskCommand("build:native").args.filter((arg) => arg.startsWith("--allow-"));
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-prompt", ...allowed, "--no-config", `${folder}/native/build.ts`],
      cwd: folder,
      env: {
        ...LIBRARIES,
        PATH: `${folder}/bin:/usr/bin:/bin`,
        NOTES: `${folder}/notes`,
        LKSTREAM_LIBRARY: "",
      },
    }).output();
    assert.equal(code, 0, new TextDecoder().decode(stderr));
    assert.equal(stdout.length, 0);
  }

  async move(): Promise<void> {
    await Deno.rename(this.folder, this.folder += "-moved");
  }

  /** Names in dist/native. */
  built(): string[] {
    return Array.from(Deno.readDirSync(`${this.folder}/dist/native`), ({ name }) => name)
      .filter((name) => name !== "lock").toSorted();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.folder, { recursive: true });
  }
}

Deno.test("build: of two native builds at once one builds, the other finds it done", async () => {
  await using project = await NativeProject.make();
  await Promise.all([project.build(), project.build()]);
  const notes = await Deno.readTextFile(`${project.folder}/notes`);
  assert.equal(notes, "begin\nend\n");
  assert.deepEqual(project.built(), ["liblkstream.so", "sources.sha256"]);
  await project.build();
  assert.equal(await Deno.readTextFile(`${project.folder}/notes`), notes);
});

Deno.test("build: changed sources are built anew; a build that fails leaves the reason alone", async () => {
  await using project = await NativeProject.make();
  const { folder } = project;
  await project.build();
  await Deno.writeTextFile(`${folder}/native/src/a.cpp`, "int changed;");
  await Deno.writeTextFile(`${folder}/notes.fail`, "");
  await project.build();
  assert.deepEqual(project.built(), ["reason.txt"]);
  await Deno.remove(`${folder}/notes.fail`);
  await project.build();
  assert.deepEqual(project.built(), ["liblkstream.so", "sources.sha256"]);
});

Deno.test("build: a checkout that was moved builds changed sources by itself", async () => {
  await using project = await NativeProject.make();
  await project.build();
  await project.move();
  await Deno.writeTextFile(`${project.folder}/native/src/a.cpp`, "int changed;");
  await project.build();
  assert.deepEqual(project.built(), ["liblkstream.so", "sources.sha256"]);
});

Deno.test("build: where the library is built, or cannot be, nothing is written again", async () => {
  await using project = await NativeProject.make();
  const reads = ["--allow-read", "--allow-run", "--allow-env"];
  await project.build();
  await project.build(...reads);
  await Deno.writeTextFile(`${project.folder}/native/src/a.cpp`, "int changed;");
  await Deno.writeTextFile(`${project.folder}/bin/c++`, "#!/bin/sh\nexit 1\n");
  await project.build();
  assert.deepEqual(project.built(), ["reason.txt"]);
  await project.build(...reads);
});

Deno.test("build: of CMake's folders those stay that it would take", async () => {
  const folder = await Deno.makeTempDir();
  const build = `${folder}/build`;
  const source = `${folder}/native`;
  const cached = async (home: string, generator: string) => {
    await Deno.mkdir(build, { recursive: true });
    const cache = `CMAKE_GENERATOR:INTERNAL=${generator}\nCMAKE_HOME_DIRECTORY:INTERNAL=${home}\n`;
    await Deno.writeTextFile(`${build}/CMakeCache.txt`, cache);
    await forgetOthers(`${build}/`, `${source}/`, "Ninja");
    return Array.from(Deno.readDirSync(folder)).length === 1;
  };
  try {
    await forgetOthers(build, source, "Ninja"); // there is none
    assert.ok(await cached(source, "Ninja"));
    assert.ok(!await cached("/elsewhere/native", "Ninja"));
    assert.ok(!await cached(source, "Unix Makefiles"));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
