import assert from "node:assert/strict";

const ROOT = new URL("../../", import.meta.url);
const CLIENT = new URL("dist/client/", ROOT);

async function buildPage(): Promise<void> {
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["task", "--quiet", "build:page"],
    cwd: ROOT,
    stdout: "piped",
    stderr: "piped",
  }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
}

/** How many bytes each file of the built page has. */
function sizes(): Map<string, number> {
  return new Map(
    Array.from(Deno.readDirSync(CLIENT), ({ name }) => name).toSorted()
      .map((name) => [name, Deno.statSync(new URL(name, CLIENT)).size]),
  );
}

Deno.test("build: the page is whole at every moment while two builds replace it", async () => {
  await buildPage();
  const whole = sizes();
  await Deno.writeTextFile(new URL("left-over.js", CLIENT), "");
  let isOver = false;
  const builds = Promise.all([buildPage(), buildPage()]).finally(() => isOver = true);
  while (!isOver) {
    for (const [name, size] of whole) {
      assert.equal(Deno.statSync(new URL(name, CLIENT)).size, size, name);
    }
    await new Promise((later) => setTimeout(later, 1));
  }
  await builds;
  assert.deepEqual(sizes(), whole);
  const others = Array.from(Deno.readDirSync(new URL("dist/", ROOT)), ({ name }) => name)
    .filter((name) => name.startsWith("client-"));
  assert.deepEqual(others, []);
});

/** Stands in for cmake: notes when a build begins and ends, and makes the library. */
const CMAKE = `#!/bin/sh
case "$1" in
  -S) mkdir -p "$4" ;;
  --build)
    echo begin >> "$NOTES"; sleep 0.5; echo end >> "$NOTES"
    [ -e "$NOTES.fail" ] && exit 1
    echo library > "$2/liblkstream.so" ;;
esac
`;

/** A project of native/build.ts alone, with a compiler that only pretends. */
class NativeProject implements AsyncDisposable {
  private constructor(readonly folder: string) {}

  static async make(): Promise<NativeProject> {
    const folder = await Deno.makeTempDir();
    for (const name of ["native/include", "native/src", "dist", "bin"]) {
      await Deno.mkdir(`${folder}/${name}`, { recursive: true });
    }
    await Deno.copyFile(new URL("native/build.ts", ROOT), `${folder}/native/build.ts`);
    await Deno.writeTextFile(`${folder}/native/CMakeLists.txt`, "");
    await Deno.writeTextFile(`${folder}/native/src/a.cpp`, "");
    await Deno.writeTextFile(`${folder}/bin/cmake`, CMAKE, { mode: 0o755 });
    await Deno.writeTextFile(`${folder}/bin/c++`, "#!/bin/sh\n", { mode: 0o755 });
    return new NativeProject(folder);
  }

  /** Runs the build; it must succeed and say nothing on standard output. */
  async build(): Promise<void> {
    const { folder } = this;
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-config", `${folder}/native/build.ts`],
      env: { PATH: `${folder}/bin:/usr/bin:/bin`, NOTES: `${folder}/notes`, LKSTREAM_LIBRARY: "" },
    }).output();
    assert.equal(code, 0, new TextDecoder().decode(stderr));
    assert.equal(stdout.length, 0);
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
