import assert from "node:assert/strict";
import { readMask } from "../../cli/mask_file.ts";
import { readPoints } from "../../cli/points_file.ts";
import { inFolder } from "../lib/commands.ts";

/** Reads a file of that name and content. */
async function readAs<T>(
  read: (file: string) => Promise<T>,
  name: string,
  content: string | Uint8Array,
): Promise<T> {
  await using folder = await inFolder({ [name]: content });
  return await read(`${folder.path}/${name}`);
}

/** As `numpy.save` writes it. */
function npy(descr: string, shape: string, values: ArrayBufferView, fortran = "False"): Uint8Array {
  const dict = `{'descr': '${descr}', 'fortran_order': ${fortran}, 'shape': ${shape}, }`;
  const header = dict.padEnd(117) + "\n"; // 128 bytes with what comes before
  const head = [0x93, ...new TextEncoder().encode("NUMPY"), 1, 0, header.length, 0];
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return Uint8Array.from([...head, ...new TextEncoder().encode(header), ...bytes]);
}

const WANT = [1.5, 2, 3, -4.25];

Deno.test("points: CSV with a head, lines, JSON and NumPy's arrays say the same", async () => {
  const flow = { type: "flow", points: { x: [1.5, 3], y: [2, -4.25], dx: [0, null] } };
  for (
    const [name, content] of [
      ["head.csv", "id,X,dx,y\r\n7,1.5,0,2\r\n8,3,0,-4.25\r\n"],
      ["lines.csv", "1.5,2\n3,-4.25"],
      ["lines.txt", "# mine\n1.5 2\n\n3\t-4.25 # last\n"],
      ["pairs.json", " [[1.5, 2], [3, -4.25]]"],
      ["flow.json", JSON.stringify(flow)],
      ["f4.npy", npy("<f4", "(2, 2)", Float32Array.from(WANT))],
      ["f8.npy", npy("<f8", "(2, 1, 2)", Float64Array.from(WANT))],
    ] as const
  ) {
    assert.deepEqual(Array.from(await readAs(readPoints, name, content)), WANT, name);
  }
  const whole = npy("<i8", "(1, 2)", BigInt64Array.of(5n, -6n));
  assert.deepEqual(Array.from(await readAs(readPoints, "i8.npy", whole)), [5, -6]);
});

Deno.test("points: what is wrong with a file is named", async () => {
  for (
    const [content, message] of [
      ["", "it has none"],
      ["x,y\n", "it has none"],
      ["1,2\n3,four", 'line 2 is "3,four", allowed are x,y a line'],
      ["1,2,3", 'line 1 is "1,2,3", allowed are x,y a line'],
      ["x,y\n1", 'line 2 is "1", allowed are x,y a line'],
      ["seq,id,x,y\n0,1,2,3", "it has those of many frames, by seq; allowed are those of one"],
      ["[[1,2],[3]]", /allowed are \[\[x,y\],…\] and what flow writes/],
      ['{"points":{"x":[1],"y":[null]}}', /allowed are \[\[x,y\],…\]/],
      ["{", /JSON/],
      ["[[1e39,2]]", "point 0 is at 1e+39,2, allowed are pixels"],
      [npy("<f4", "(4,)", Float32Array.from(WANT)), /its shape is \(4\), allowed are rows of/],
      [npy("<f4", "(2, 2)", Float32Array.from(WANT), "True"), /its shape is \(2, 2\)/],
      [npy(">f4", "(2, 2)", Float32Array.from(WANT)), /its type is >f4, allowed are <f4,/],
      [npy("<f4", "(9, 2)", Float32Array.from(WANT)), "it is cut short"],
    ] as const
  ) {
    await assert.rejects(readAs(readPoints, "points", content), (error: Error) => {
      assert.equal(error.name, "UsageError");
      const why = /^Cannot read points from \/.*?\/points: (.*)$/s.exec(error.message)![1];
      if (typeof message === "string") assert.equal(why, message);
      else assert.match(why, message);
      return true;
    });
  }
  await assert.rejects(
    readPoints("/nowhere.csv"),
    /Cannot read points from \/nowhere\.csv: No such/,
  );
});

Deno.test("mask: polygons, alone or as in the control message; anything else is refused", async () => {
  const polygons = [[[0, 0], [9.5, 0], [0, 9]]];
  for (const value of [polygons, { type: "mask", polygons }]) {
    assert.deepEqual(await readAs(readMask, "mask.json", JSON.stringify(value)), polygons);
  }
  for (const wrong of ["[[[0,0],[1,1]]]", "[[0,0],[1,1],[2,0]]", "{}", "no mask", ""]) {
    await assert.rejects(readAs(readMask, "mask", wrong), {
      name: "UsageError",
      message: /\/mask: allowed are a PNG, a JPEG, and polygons of 3 corners and more/,
    });
  }
});
