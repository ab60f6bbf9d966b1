/**
 * A reader of MCAP files by the specification alone (https://mcap.dev/spec), which shares nothing
 * with the library that writes ours: it checks magic, checksums and counts.
 */
import assert from "node:assert/strict";
import { crc32 } from "node:zlib";

export interface McapMessage {
  topic: string;
  encoding: string;
  schema: { name: string; encoding: string; data: Uint8Array };
  sequence: number;
  logTime: bigint;
  data: Uint8Array<ArrayBuffer>;
}

const MAGIC = [0x89, 0x4d, 0x43, 0x41, 0x50, 0x30, 0x0d, 0x0a];
const HEADER = 0x01, FOOTER = 0x02, SCHEMA = 0x03, CHANNEL = 0x04, MESSAGE = 0x05, CHUNK = 0x06;
const STATISTICS = 0x0b, DATA_END = 0x0f;

/** All messages, in the order in which they were written. */
export function readMcap(bytes: Uint8Array<ArrayBuffer>): McapMessage[] {
  assert.deepEqual([...bytes.subarray(0, 8)], MAGIC);
  assert.deepEqual([...bytes.subarray(-8)], MAGIC);
  const file = new McapFile();
  file.read(bytes.subarray(8, -8));
  assert.ok(file.hasFooter, "a footer");
  assert.equal(file.counted, BigInt(file.messages.length), "as many messages as it says");
  return file.messages;
}

class McapFile {
  readonly messages: McapMessage[] = [];
  hasFooter = false;
  counted = 0n;
  #isSummary = false;
  readonly #schemas = new Map<number, McapMessage["schema"]>();
  readonly #channels = new Map<number, Pick<McapMessage, "topic" | "encoding" | "schema">>();

  read(records: Uint8Array<ArrayBuffer>): void {
    const reader = new Reader(records);
    while (!reader.isAtEnd) {
      const opcode = reader.u8();
      this.#take(opcode, new Reader(reader.bytes(Number(reader.u64()))));
    }
  }

  #take(opcode: number, record: Reader): void {
    switch (opcode) {
      case HEADER:
        assert.equal(this.messages.length, 0);
        return;
      case SCHEMA: {
        const id = record.u16();
        const schema = { name: record.text(), encoding: record.text(), data: record.block() };
        return void this.#schemas.set(id, schema);
      }
      case CHANNEL: {
        const id = record.u16(), schema = this.#schemas.get(record.u16())!;
        const topic = record.text(), encoding = record.text();
        return void this.#channels.set(id, { topic, encoding, schema });
      }
      case MESSAGE: {
        const channel = this.#channels.get(record.u16())!;
        const sequence = record.u32(), logTime = record.u64();
        record.u64(); // publish time
        return void this.messages.push({ ...channel, sequence, logTime, data: record.rest() });
      }
      case CHUNK: {
        const [start, end] = [record.u64(), record.u64()];
        const size = record.u64(), checksum = record.u32();
        assert.equal(record.text(), "", "not compressed");
        const records = record.bytes(Number(record.u64()));
        assert.equal(BigInt(records.length), size);
        if (checksum !== 0) assert.equal(crc32(records), checksum);
        const before = this.messages.length;
        this.read(records);
        const times = this.messages.slice(before).map(({ logTime }) => logTime);
        assert.ok(times.every((time) => time >= start && time <= end));
        return;
      }
      case DATA_END:
        this.#isSummary = true;
        return;
      case STATISTICS:
        assert.ok(this.#isSummary);
        this.counted = record.u64();
        return;
      case FOOTER:
        this.hasFooter = true;
    }
  }
}

class Reader {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array<ArrayBuffer>) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  u8(): number {
    return this.#view.getUint8(this.#at++);
  }

  u16(): number {
    return this.#view.getUint16((this.#at += 2) - 2, true);
  }

  u32(): number {
    return this.#view.getUint32((this.#at += 4) - 4, true);
  }

  u64(): bigint {
    return this.#view.getBigUint64((this.#at += 8) - 8, true);
  }

  bytes(length: number): Uint8Array<ArrayBuffer> {
    assert.ok(this.#at + length <= this.#bytes.length, "it is cut short");
    return this.#bytes.subarray(this.#at, this.#at += length);
  }

  block(): Uint8Array<ArrayBuffer> {
    return this.bytes(this.u32());
  }

  text(): string {
    return new TextDecoder().decode(this.block());
  }

  rest(): Uint8Array<ArrayBuffer> {
    return this.bytes(this.#bytes.length - this.#at);
  }
}
