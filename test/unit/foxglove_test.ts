import assert from "node:assert/strict";
import protobuf from "protobufjs";
import * as official from "@foxglove/schemas/jsonschema.js";
import {
  channelForms,
  idsMessage,
  imageMessage,
  nanoseconds,
  pointsMessage,
  tracksMessage,
} from "../../formats/foxglove.ts";
import { describe, encode, type Schema } from "../../formats/protobuf.ts";
import { emptyTracks } from "../lib/empty_tracks.ts";
import { decodeBy, typeBy } from "../lib/protobuf.ts";

const [image, points, ids, tracks] = channelForms();
const POINTS = {
  id: Uint32Array.of(7, 300),
  xy: Float32Array.of(0, 0, 10.25, 20),
  dxy: new Float32Array(4),
  error: new Float32Array(2),
  fb: new Float32Array(2),
  age: new Uint32Array(2),
};

Deno.test("foxglove: a frame reads back by the schema beside it", () => {
  const jpeg = Uint8Array.from({ length: 1000 }, (_, i) => i % 256);
  const message = imageMessage(jpeg, 1_700_000_000_123.5, "cam-1");
  const read = decodeBy(image.schema, image.schemaName, message);
  assert.deepEqual(read.timestamp, { seconds: 1_700_000_000, nanos: 123_500_000 });
  assert.deepEqual([read.format, read.frame_id], ["jpeg", "cam-1"]);
  assert.deepEqual(new Uint8Array(read.data), jpeg);
});

Deno.test("foxglove: points lie where the picture has them, by its corner; ids beside them where asked", () => {
  const given = emptyTracks(3, { points: POINTS });
  const read = decodeBy(points.schema, points.schemaName, pointsMessage(given, 2500));
  const [{ type, points: places, thickness, timestamp }] = read.points;
  assert.equal(type, 1);
  assert.ok(thickness > 0);
  assert.deepEqual(timestamp, { seconds: 2, nanos: 500_000_000 });
  assert.deepEqual(places, [{ x: 0.5, y: 0.5 }, { x: 10.75, y: 20.5 }]);
  assert.deepEqual([read.texts, read.circles], [[], []]);
  const named = decodeBy(ids.schema, ids.schemaName, idsMessage(given, 0));
  assert.deepEqual(named.points, []);
  assert.deepEqual(named.texts.map(({ text }: { text: string }) => text), ["7", "300"]);
});

Deno.test("foxglove: tracks are the JSON of the wire", () => {
  const whole = emptyTracks(5);
  whole.points.appearance = new Float32Array(0); // the one column that may be missing
  const read = JSON.parse(new TextDecoder().decode(tracksMessage(whole)));
  assert.deepEqual([read.type, read.seq], ["tracks", 5]);
  const schema = JSON.parse(new TextDecoder().decode(tracks.schema));
  assert.deepEqual(Object.keys(schema.properties).sort(), Object.keys(read).sort());
  for (const column of ["points", "lost", "timing"]) {
    const named = Object.keys(schema.properties[column].properties).sort();
    assert.deepEqual(named, Object.keys(read[column]).sort(), column);
  }
});

Deno.test("foxglove: every field that our schema has is one of Foxglove's own, of its kind", () => {
  interface JsonSchema {
    type?: string;
    title?: string;
    properties?: Record<string, JsonSchema>;
    items?: JsonSchema;
  }
  const check = (ours: protobuf.Type, theirs: JsonSchema, path: string) => {
    for (const [name, field] of Object.entries(ours.fields)) {
      const of = theirs.properties?.[name];
      assert.ok(of, `${path}.${name}`);
      assert.equal(field.repeated, of.type === "array", `${path}.${name}`);
      const one = of.items ?? of, { resolvedType } = field;
      const isOurs = resolvedType instanceof protobuf.Type && one.title !== "time";
      if (isOurs) check(resolvedType, one, `${path}.${name}`);
    }
  };
  for (const { schema, schemaName } of [image, points]) {
    const theirs = (official as Record<string, JsonSchema>)[schemaName.split(".")[1]];
    check(typeBy(schema, schemaName), theirs, schemaName);
  }
});

Deno.test("protobuf: numbers of all lengths, and messages longer than a byte tells", () => {
  const schema: Schema = {
    messages: {
      "a.Inner": { text: [1, "string"], real: [2, "double"] },
      "a.Outer": { n: [1, "int64[]"], inner: [200, "a.Inner[]"] },
    },
    enums: {},
  };
  const n = [0, 1, 127, 128, 300, 2 ** 31, 2 ** 40 + 5, Number.MAX_SAFE_INTEGER];
  const inner = [1, 100, 126, 127, 128, 20_000].map((length) => ({
    text: "é".repeat(length),
    real: -length / 3,
  }));
  const bytes = encode(schema, "a.Outer", { n, inner });
  assert.deepEqual(decodeBy(describe(schema), "a.Outer", bytes), { n, inner });
});

Deno.test("foxglove: times are whole nanoseconds", () => {
  assert.equal(nanoseconds(0), 0n);
  assert.equal(nanoseconds(1_700_000_000_123.25), 1_700_000_000_123_250_000n);
});
