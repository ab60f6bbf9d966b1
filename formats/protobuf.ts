/**
 * Protocol Buffers, as much as it takes to write messages whose schema is a table, and to write that
 * schema as the FileDescriptorSet that readers decode them by
 * (https://protobuf.dev/programming-guides/encoding, google/protobuf/descriptor.proto).
 */

/**
 * A field's number and type: double, int32, int64, string or bytes, or the full name of a message or
 * enum of the same schema; with `[]` behind it where it is repeated.
 */
export type Fields = Record<string, readonly [number: number, type: string]>;

/** Messages by their full names, such as foxglove.Point2; values of an enum by their names. */
export interface Schema {
  messages: Record<string, Fields>;
  enums: Record<string, Record<string, number>>;
}

/** A message: fields that are left out have their defaults. */
export type Message = { readonly [field: string]: Value };
type Scalar = number | string | Uint8Array | Message;
type Value = Scalar | readonly Scalar[] | undefined;

const VARINT = 0, FIXED64 = 1, BYTES = 2;
/** How a type is written, and its number in FieldDescriptorProto. */
const SCALARS: Record<string, { wire: number; code: number }> = {
  double: { wire: FIXED64, code: 1 },
  int64: { wire: VARINT, code: 3 },
  int32: { wire: VARINT, code: 5 },
  string: { wire: BYTES, code: 9 },
  bytes: { wire: BYTES, code: 12 },
};
const CODE_OF_MESSAGE = 11, CODE_OF_ENUM = 14;
const OPTIONAL = 1, REPEATED = 3;

/** descriptor.proto, as far as it is used. */
const DESCRIPTORS: Schema = {
  messages: {
    FileDescriptorSet: { file: [1, "FileDescriptorProto[]"] },
    FileDescriptorProto: {
      name: [1, "string"],
      package: [2, "string"],
      dependency: [3, "string[]"],
      message_type: [4, "DescriptorProto[]"],
      enum_type: [5, "EnumDescriptorProto[]"],
      syntax: [12, "string"],
    },
    DescriptorProto: { name: [1, "string"], field: [2, "FieldDescriptorProto[]"] },
    FieldDescriptorProto: {
      name: [1, "string"],
      number: [3, "int32"],
      label: [4, "int32"],
      type: [5, "int32"],
      type_name: [6, "string"],
    },
    EnumDescriptorProto: { name: [1, "string"], value: [2, "EnumValueDescriptorProto[]"] },
    EnumValueDescriptorProto: { name: [1, "string"], number: [2, "int32"] },
  },
  enums: {},
};

/** Writes a message of this type. */
export function encode(schema: Schema, type: string, message: Message): Uint8Array<ArrayBuffer> {
  const out = new Out();
  writeMessage(out, schema, type, message);
  return out.bytes();
}

/** The schema as a FileDescriptorSet: a file a package, each after those that it needs. */
export function describe(schema: Schema): Uint8Array<ArrayBuffer> {
  const packages = new Set(
    [...Object.keys(schema.messages), ...Object.keys(schema.enums)].map(packageOf),
  );
  const earlier: string[] = [];
  const file = Array.from(packages, (name): Message => {
    const described = describePackage(schema, name, [...earlier]);
    earlier.push(fileOf(name));
    return described;
  });
  return encode(DESCRIPTORS, "FileDescriptorSet", { file });
}

function describePackage(schema: Schema, name: string, dependency: string[]): Message {
  const own = <T>(all: Record<string, T>) =>
    Object.entries(all).filter(([full]) => packageOf(full) === name);
  return {
    name: fileOf(name),
    package: name,
    dependency,
    message_type: own(schema.messages).map(([full, fields]) => ({
      name: shortName(full),
      field: Object.entries(fields).map(([field, of]) => describeField(schema, field, of)),
    })),
    enum_type: own(schema.enums).map(([full, values]) => ({
      name: shortName(full),
      value: Object.entries(values).map(([name, number]) => ({ name, number })),
    })),
    syntax: "proto3",
  };
}

function describeField(schema: Schema, name: string, [number, type]: Fields[string]): Message {
  const one = elementOf(type);
  const label = one === type ? OPTIONAL : REPEATED;
  const scalar = SCALARS[one];
  if (scalar) return { name, number, label, type: scalar.code };
  const code = one in schema.enums ? CODE_OF_ENUM : CODE_OF_MESSAGE;
  return { name, number, label, type: code, type_name: `.${one}` };
}

function elementOf(type: string): string {
  return type.endsWith("[]") ? type.slice(0, -2) : type;
}

function packageOf(full: string): string {
  return full.slice(0, full.lastIndexOf("."));
}

function shortName(full: string): string {
  return full.slice(full.lastIndexOf(".") + 1);
}

function fileOf(name: string): string {
  return `${name.replaceAll(".", "/")}.proto`;
}

function writeMessage(out: Out, schema: Schema, type: string, message: Message): void {
  for (const [name, [number, declared]] of Object.entries(schema.messages[type])) {
    const value = message[name];
    if (value === undefined) continue;
    const one = elementOf(declared);
    for (const each of Array.isArray(value) ? value : [value]) {
      writeField(out, schema, number, one, each);
    }
  }
}

function writeField(out: Out, schema: Schema, number: number, type: string, value: Scalar): void {
  const wire = SCALARS[type]?.wire ?? (type in schema.enums ? VARINT : BYTES);
  out.varint(number << 3 | wire);
  if (wire === FIXED64) out.double(value as number);
  else if (wire === VARINT) out.varint(value as number);
  else if (typeof value === "string") out.block(new TextEncoder().encode(value));
  else if (value instanceof Uint8Array) out.block(value);
  else out.nested(() => writeMessage(out, schema, type, value as Message));
}

/** Bytes that grow. */
class Out {
  #bytes = new Uint8Array(1024);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length);
  }

  /** Whole numbers from 0 to 2⁵³. */
  varint(value: number): void {
    this.#reserve(10);
    for (; value > 127; value = Math.floor(value / 128)) {
      this.#bytes[this.#length++] = value % 128 | 128;
    }
    this.#bytes[this.#length++] = value;
  }

  double(value: number): void {
    this.#reserve(8);
    this.#view.setFloat64(this.#length, value, true);
    this.#length += 8;
  }

  block(bytes: Uint8Array): void {
    this.varint(bytes.length);
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** What `write` writes, after its length; that takes a byte for all that is short. */
  nested(write: () => void): void {
    const start = this.#length + 1;
    this.#reserve(1);
    this.#length = start;
    write();
    const length = this.#length - start;
    if (length < 128) {
      this.#bytes[start - 1] = length;
      return;
    }
    const body = this.#bytes.slice(start, this.#length);
    this.#length = start - 1;
    this.block(body);
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(2 * this.#bytes.length, this.#length + more));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
  }
}
