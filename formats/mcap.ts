import { McapWriter } from "@mcap/core";
import type { Tracks } from "../protocol/mod.ts";
import {
  channelForms,
  idsMessage,
  imageMessage,
  nanoseconds,
  pointsMessage,
  type Topic,
  tracksMessage,
} from "./foxglove.ts";

/** Messages that are written together; less is found faster by who jumps about in the file. */
const CHUNK_BYTES = 1 << 20;

export interface McapOptions {
  /** The first part of all topics, as of `/NAME/image`. */
  name: string;
  /** What is added to the timestamps of the tracks to have milliseconds since 1970. */
  epochMs: number;
  /** The ids of points too, as texts beside them. */
  withIds: boolean;
}

/**
 * Tracks and their frames as an MCAP file (https://mcap.dev/spec), for Foxglove and Lichtblick. One
 * call at a time.
 */
export class TracksMcap {
  readonly #writer: McapWriter;
  readonly #options: McapOptions;
  readonly #channels: Partial<Record<Topic, number>> = {};
  readonly #sequences: Partial<Record<Topic, number>> = {};

  private constructor(writer: McapWriter, options: McapOptions) {
    this.#writer = writer;
    this.#options = options;
  }

  /** @param write is given the file, piece by piece */
  static async open(
    write: (bytes: Uint8Array) => Promise<void>,
    options: McapOptions,
  ): Promise<TracksMcap> {
    let position = 0n;
    const writable = {
      position: () => position,
      async write(bytes: Uint8Array) {
        await write(bytes);
        position += BigInt(bytes.length);
      },
    };
    const mcap = new TracksMcap(new McapWriter({ writable, chunkSize: CHUNK_BYTES }), options);
    await mcap.#begin();
    return mcap;
  }

  /** @param jpeg the frame that they are of; null where it is not known */
  async add(tracks: Tracks, jpeg: Uint8Array | null): Promise<void> {
    const { name, epochMs, withIds } = this.#options;
    const ms = epochMs + (Number.isFinite(tracks.timestamp) ? tracks.timestamp : 0);
    if (jpeg) await this.#put("image", ms, imageMessage(jpeg, ms, name));
    await this.#put("points", ms, pointsMessage(tracks, ms));
    if (withIds) await this.#put("ids", ms, idsMessage(tracks, ms));
    await this.#put("tracks", ms, tracksMessage(tracks));
  }

  /** Writes index and summary; nothing comes after that. */
  async end(): Promise<void> {
    await this.#writer.end();
  }

  async #begin(): Promise<void> {
    await this.#writer.start({ profile: "", library: "lkstream" });
    for (const { topic, encoding, schemaName, schemaEncoding, schema } of channelForms()) {
      if (topic === "ids" && !this.#options.withIds) continue;
      const info = { name: schemaName, encoding: schemaEncoding, data: schema };
      const schemaId = await this.#writer.registerSchema(info);
      this.#channels[topic] = await this.#writer.registerChannel({
        topic: `/${this.#options.name}/${topic}`,
        messageEncoding: encoding,
        schemaId,
        metadata: new Map(),
      });
    }
  }

  async #put(topic: Topic, ms: number, data: Uint8Array): Promise<void> {
    const time = nanoseconds(ms);
    const sequence = this.#sequences[topic] = (this.#sequences[topic] ?? 0) + 1;
    await this.#writer.addMessage({
      channelId: this.#channels[topic]!,
      sequence,
      logTime: time,
      publishTime: time,
      data,
    });
  }
}
