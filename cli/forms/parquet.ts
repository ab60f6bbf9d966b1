import { ByteWriter, ParquetWriter } from "hyparquet-writer";
import { reasonOf, type Tracks } from "../../protocol/mod.ts";
import type { Form, Write } from "./form.ts";
import { addPoints, Ends, pointColumns } from "./rows.ts";

/** Rows that are written together: so many are held. */
const GROUP_ROWS = 1 << 17;

type Element = ConstructorParameters<typeof ParquetWriter>[0]["schema"][number];

const whole = (name: string, isOptional = false): Element => ({
  name,
  type: "INT64",
  repetition_type: isOptional ? "OPTIONAL" : "REQUIRED",
});
const real = (name: string): Element => ({ name, type: "FLOAT", repetition_type: "OPTIONAL" });

const COLUMNS: Element[] = [
  whole("seq"),
  { name: "timestamp", type: "DOUBLE", repetition_type: "REQUIRED" },
  whole("id"),
  ...["x", "y", "dx", "dy", "error", "fb"].map(real),
  whole("age", true),
  real("appearance"),
  { name: "lost", type: "BYTE_ARRAY", converted_type: "UTF8", repetition_type: "OPTIONAL" },
];
const SCHEMA: Element[] = [{ name: "root", num_children: COLUMNS.length }, ...COLUMNS];

/**
 * Apache Parquet: the rows of the CSV and the frame's timestamp; what a row does not have is null.
 * Written in groups of rows, so it takes no more memory for a longer sequence.
 */
export function parquet(write: Write): Form {
  const bytes = new ByteWriter();
  const writer = new ParquetWriter({ writer: bytes, schema: SCHEMA, createdBy: "lkstream" });
  const points = pointColumns();
  const lost: { seq: number; timestamp: number; id: number; reason: string }[] = [];
  const ends = new Ends();

  /** Points first, and the rows of those that ended among the same frames behind them. */
  async function writeGroup(): Promise<void> {
    const { length } = points.id;
    const after = <T>(values: Iterable<T>, of: (end: typeof lost[number]) => T) => [
      ...values,
      ...lost.map(of),
    ];
    const wholes = (values: Uint32Array) => Array.from(values, BigInt);
    const reals = (values: Float32Array) =>
      after<number | null>(
        Array.from(values, (value) => Number.isNaN(value) ? null : value),
        () => null,
      );
    const data: Record<string, unknown[]> = {
      seq: after(wholes(points.seq.values), ({ seq }) => BigInt(seq)),
      timestamp: after(points.timestamp.values, ({ timestamp }) => timestamp),
      id: after(wholes(points.id.values), ({ id }) => BigInt(id)),
      x: reals(points.x.values),
      y: reals(points.y.values),
      dx: reals(points.dx.values),
      dy: reals(points.dy.values),
      error: reals(points.error.values),
      fb: reals(points.fb.values),
      age: after<bigint | null>(wholes(points.age.values), () => null),
      appearance: reals(points.appearance.values),
      lost: after<string | null>(new Array(length).fill(null), ({ reason }) => reason),
    };
    const columnData = COLUMNS.map(({ name }) => ({ name, data: data[name] }));
    await writer.write({ columnData, rowGroupSize: GROUP_ROWS * 2 });
    await flush();
    for (const column of Object.values(points)) column.clear();
    lost.length = 0;
  }

  /** The writer goes on counting where it is in the file. */
  async function flush(): Promise<void> {
    await write(new Uint8Array(bytes.buffer, 0, bytes.index).slice());
    bytes.index = 0;
  }

  return {
    async add(tracks: Tracks) {
      addPoints(points, tracks);
      const { seq, timestamp } = tracks;
      for (const { id, reason } of ends.of(tracks)) {
        lost.push({ seq, timestamp, id, reason: reasonOf(reason) });
      }
      if (points.id.length + lost.length >= GROUP_ROWS) await writeGroup();
    },
    async end() {
      if (points.id.length + lost.length > 0) await writeGroup();
      await writer.finish();
      await flush();
    },
  };
}
