/** The ROS 2 node of the examples, on stubs of rclpy and sensor_msgs. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { HEADER_ONLY_JPEG as JPEG } from "../lib/header_only_jpeg.ts";
import { withServer } from "../lib/serving.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const NODE = `${ROOT}examples/ros2/lkstream_node.py`;
const STUBS = `${ROOT}test/lib/ros2_stubs`;

/** A Python with the package websockets; undefined, with the reason printed, where there is none. */
async function findPython(): Promise<string | undefined> {
  for (const python of ["python3", "/usr/bin/python3"]) {
    try {
      const args = ["-c", "import websockets, sys; print(sys.executable)"];
      const { success, stdout } = await new Deno.Command(python, { args, stderr: "null" }).output();
      if (success) return new TextDecoder().decode(stdout).trim();
    } catch { // there is none by this name
    }
  }
  console.log("skipped: no Python with websockets (Debian: python3-websockets)");
}

interface Cloud {
  stamp: number;
  width: number;
  step: number;
  fields: [name: string, offset: number, kind: number][];
  data: string;
}

/** The rows as objects, by the fields that the message says. */
function rowsOf({ width, step, fields, data }: Cloud): Record<string, number>[] {
  const view = new DataView(Uint8Array.fromHex(data).buffer);
  const read = (kind: number, at: number) =>
    kind === 7
      ? view.getFloat32(at, true)
      : kind === 6
      ? view.getUint32(at, true)
      : view.getUint8(at);
  return Array.from(
    { length: width },
    (_, row) =>
      Object.fromEntries(fields.map(([name, at, kind]) => [name, read(kind, row * step + at)])),
  );
}

Deno.test("ros2: the node sends a topic's frames and publishes points with id, age, error and status", async () => {
  const python = await findPython();
  if (!python) return;
  const folder = await Deno.makeTempDir();
  const file = `${folder}/frame.jpg`;
  await Deno.writeFile(file, JPEG);
  try {
    await withServer({ token: "s3cret" }, async (url) => {
      const parameters = {
        url: url.replace("http", "ws"),
        stream: "front",
        options: `{"detect":{"maxCorners":2}}`,
      };
      const node = new Deno.Command(python, {
        args: [NODE],
        env: {
          PYTHONPATH: STUBS,
          ROS_PARAMETERS: JSON.stringify(parameters),
          LKSTREAM_TOKEN: "s3cret",
          PYTHONDONTWRITEBYTECODE: "1",
        },
        stdin: "piped",
        stdout: "piped",
        stderr: "piped",
      }).spawn();
      const errors = new Response(node.stderr).text();
      const said = node.stdout.pipeThrough(new TextDecoderStream()).getReader();
      const frames = node.stdin.getWriter();
      let text = "";
      const next = async () => {
        while (!text.includes("\n")) {
          const { value, done } = await said.read();
          if (done) assert.fail(await errors);
          text += value;
        }
        const line = text.slice(0, text.indexOf("\n"));
        text = text.slice(line.length + 1);
        return JSON.parse(line);
      };
      assert.deepEqual(await next(), { subscribed: "image/compressed" });
      const clouds: Cloud[] = [];
      for (let i = 0; i < 3; i++) {
        await frames.write(new TextEncoder().encode(`${file}\n`));
        clouds.push(await next());
      }
      assert.deepEqual(clouds.map(({ stamp }) => stamp), [0, 1, 2]);
      const [first, second, third] = clouds.map(rowsOf);
      assert.deepEqual(first.map(({ id, x, y, age, status }) => [id, x, y, age, status]), [
        [1, 10, 10, 0, 0],
        [2, 30, 40, 0, 0],
      ]);
      assert.deepEqual(second.map(({ id, x, dx, error, age }) => [id, x, dx, error, age]), [
        [1, 11.5, 1.5, 0, 1],
        [2, 31.5, 1.5, 2.25, 1],
      ]);
      assert.deepEqual(third.map(({ id, x, status }) => [id, x, status]), [
        [1, 13, 0],
        [2, NaN, 1], // flat
      ]);
      assert.equal((await (await fetch(`${url}/v1/info?stream=front`)).json()).stream, "taken");
      await frames.close();
      while (!(await said.read()).done);
      assert.equal((await node.status).code, 0, await errors);
      await errors;
    }, [
      { corners: [[10, 10], [30, 40]] },
      { move: (x, y) => [x + 1.5, y], error: [0, 2.25] },
      { move: (x, y) => [x + 1.5, y], status: [0, 1] },
    ]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
