/**
 * Shows streams to viewers that speak Foxglove's WebSocket protocol, such as Foxglove and
 * Lichtblick (https://github.com/foxglove/ws-protocol/blob/main/docs/spec.md): the channels of
 * `formats/foxglove.ts`, of each stream that is open. They can read, and nothing else.
 */
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import {
  channelForms,
  idsMessage,
  imageMessage,
  nanoseconds,
  pointsMessage,
  type Topic,
  tracksMessage,
} from "../../formats/foxglove.ts";
import { decodeTracks } from "../../protocol/mod.ts";
import type { Credentials } from "../credentials.ts";
import { type Access, admit, checkOneHost, Refusal } from "../http/access.ts";
import { createListener, listen, type ListenOptions, renewCertificate } from "../http/listener.ts";
import { describeClientError, refuse } from "../http/refuse.ts";
import { Receipts } from "../session/receipts.ts";
import { type About, Want } from "./feed.ts";
import type { Delivery, Sink, SinkEvents } from "./sink.ts";

export type FoxgloveConfig = Access & ListenOptions;

/** The protocol's name as it was, and as Foxglove's SDK has it since. */
const SUBPROTOCOLS = ["foxglove.sdk.v1", "foxglove.websocket.v1"];
const MAX_VIEWERS = 64;
const MAX_SUBSCRIPTIONS = 1000;
const MAX_MESSAGE_BYTES = 1 << 20;
/** A viewer that has not read so much is shown nothing more until it has. */
const MAX_UNREAD_BYTES = 4 << 20;
/** A viewer that does not answer a ping before the next one is gone. */
const PING_MS = 25_000;
/** A binary message: its kind, the subscription, the time. */
const MESSAGE_DATA = 1, MESSAGE_HEADER_BYTES = 13;

interface Channel {
  id: number;
  stream: string;
  topic: Topic;
}

const FORMS = channelForms();

export class FoxgloveSink implements Sink {
  #access: Access;
  readonly #events: SinkEvents;
  readonly #sockets = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_MESSAGE_BYTES,
    perMessageDeflate: false,
    handleProtocols: (offered) => SUBPROTOCOLS.find((name) => offered.has(name)) ?? false,
  });
  readonly #listener: ReturnType<typeof createListener>;
  readonly #viewers = new Set<Viewer>();
  /** By the streams' names; whose session it is knows `#live`. */
  readonly #channels = new Map<string, Channel[]>();
  readonly #live = new Map<string, About>();
  readonly #pinging: ReturnType<typeof setInterval>;
  #nextChannel = 1;

  /** Resolves once it listens. */
  static async open(config: FoxgloveConfig, events: SinkEvents): Promise<FoxgloveSink> {
    const sink = new FoxgloveSink(config, events);
    const url = await listen(sink.#listener, config, false);
    events.log("sink_listens", { url: url.replace("http", "ws") });
    return sink;
  }

  private constructor(config: FoxgloveConfig, events: SinkEvents) {
    this.#access = config;
    this.#events = events;
    this.#listener = createListener(config);
    this.#listener.on("upgrade", (request, socket, head) => this.#upgrade(request, socket, head));
    this.#listener.on("request", (_request, response) => {
      response.writeHead(426, { Upgrade: "websocket" }).end("A WebSocket, for Foxglove\n");
    });
    this.#listener.on("clientError", (error, socket) => {
      refuse(socket as Socket, describeClientError(error));
    });
    this.#pinging = setInterval(() => {
      for (const viewer of this.#viewers) viewer.ping();
    }, PING_MS);
  }

  about(about: About): void {
    this.#live.set(about.stream, about);
    if (this.#channels.has(about.stream)) return;
    const channels = FORMS.map(({ topic }) => ({
      id: this.#nextChannel++,
      stream: about.stream,
      topic,
    }));
    this.#channels.set(about.stream, channels);
    for (const viewer of this.#viewers) viewer.advertise(channels);
  }

  over({ stream, session }: About): void {
    if (this.#live.get(stream)?.session !== session) return;
    this.#live.delete(stream);
    const channels = this.#channels.get(stream)!;
    this.#channels.delete(stream);
    for (const viewer of this.#viewers) viewer.unadvertise(channels);
    this.#tellWanted();
  }

  /** What viewers that do not read miss is lost to them alone: it counts where nobody got it. */
  deliver(deliveries: readonly Delivery[]): Promise<number> {
    const shown = deliveries.filter((delivery) => {
      const channels = this.#channels.get(delivery.about.stream) ?? [];
      const messages = new Messages(delivery);
      return [...this.#viewers].filter((viewer) => viewer.show(channels, messages)).length > 0;
    });
    return Promise.resolve(shown.length);
  }

  renew({ token, streamTokens, tls }: Credentials): void {
    this.#access = { ...this.#access, token, streamTokens };
    if (tls) renewCertificate(this.#listener, tls);
  }

  async close(): Promise<void> {
    clearInterval(this.#pinging);
    for (const viewer of this.#viewers) viewer.close();
    if (!this.#listener.listening) return;
    const closed = new Promise((closed) => this.#listener.close(closed));
    this.#listener.closeAllConnections();
    await closed;
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Uint8Array): void {
    let streams: readonly string[] | null;
    try {
      streams = this.#admit(request);
    } catch (error) {
      const bad = new Refusal(400, "bad_request", "Cannot read the upgrade request");
      return refuse(socket, error instanceof Refusal ? error : bad);
    }
    this.#sockets.handleUpgrade(request, socket, head as never, (ws) => {
      const isEncrypted = "encrypted" in socket && socket.encrypted === true;
      const viewer: Viewer = new Viewer(ws, streams, isEncrypted, () => this.#tellWanted());
      this.#viewers.add(viewer);
      this.#events.connected(this.#viewers.size);
      viewer.advertise([...this.#channels.values()].flat());
      ws.on("close", () => {
        this.#viewers.delete(viewer);
        this.#events.connected(this.#viewers.size);
        this.#tellWanted();
      });
    });
  }

  /** @returns the streams that it may see; null for all */
  #admit(request: IncomingMessage): readonly string[] | null {
    checkOneHost(request);
    const streams = admit(request, this.#access);
    if (this.#viewers.size < MAX_VIEWERS) return streams;
    throw new Refusal(503, "viewer_limit", `Cannot show more: allowed are ${MAX_VIEWERS} viewers`, {
      "Retry-After": "5",
    });
  }

  #tellWanted(): void {
    const wanted = new Map<string, Want>();
    for (const { stream, topic } of [...this.#viewers].flatMap((viewer) => viewer.subscribed)) {
      const want = topic === "image" ? Want.frames : Want.tracks;
      if (want > (wanted.get(stream) ?? Want.nothing)) wanted.set(stream, want);
    }
    this.#events.wanted(wanted, Want.nothing);
  }
}

/** The messages of one frame, each made once, for who wants it. */
class Messages {
  readonly time: bigint;
  readonly #delivery: Delivery;
  readonly #made = new Map<Topic, Uint8Array | null>();

  constructor(delivery: Delivery) {
    this.#delivery = delivery;
    this.time = nanoseconds(delivery.time);
  }

  /** Null where there is none: of a frame that was not wanted yet. */
  of(topic: Topic): Uint8Array | null {
    const made = this.#made.get(topic) ?? this.#make(topic);
    this.#made.set(topic, made);
    return made;
  }

  #make(topic: Topic): Uint8Array | null {
    const { about, jpeg, time } = this.#delivery;
    if (topic === "image") return jpeg ? imageMessage(jpeg, time, about.stream) : null;
    const tracks = decodeTracks(this.#delivery.tracks);
    switch (topic) {
      case "points":
        return pointsMessage(tracks, time);
      case "ids":
        return idsMessage(tracks, time);
      case "tracks":
        return tracksMessage(tracks);
    }
  }
}

/** One who looks. */
class Viewer {
  readonly #ws: WebSocket;
  /** The names that it may see; null for all. */
  readonly #streams: readonly string[] | null;
  readonly #changed: () => void;
  /** What it was told of, by their ids. */
  readonly #channels = new Map<number, Channel>();
  /** The ids that the viewer gave, by those of the channels. */
  readonly #subscriptions = new Map<number, number>();
  readonly #receipts: Receipts | null;
  #isAlive = true;

  /** @param changed told whenever it subscribes to others */
  constructor(
    ws: WebSocket,
    streams: readonly string[] | null,
    isEncrypted: boolean,
    changed: () => void,
  ) {
    this.#ws = ws;
    this.#streams = streams;
    this.#changed = changed;
    this.#receipts = isEncrypted ? new Receipts(ws, () => {}) : null;
    ws.on("error", () => {}); // its end follows
    ws.on("pong", () => this.#isAlive = true);
    ws.on("message", (data, isBinary) => this.#hear(isBinary ? null : data.toString()));
    this.#say({
      op: "serverInfo",
      name: "lkstream",
      capabilities: [],
      supportedEncodings: [],
      metadata: {},
      sessionId: crypto.randomUUID(),
    });
  }

  get subscribed(): Channel[] {
    return Array.from(this.#subscriptions.keys(), (id) => this.#channels.get(id)!);
  }

  advertise(channels: readonly Channel[]): void {
    const own = channels.filter(({ stream }) => this.#streams?.includes(stream) ?? true);
    if (own.length === 0) return;
    for (const channel of own) this.#channels.set(channel.id, channel);
    this.#say({ op: "advertise", channels: own.map(describe) });
  }

  unadvertise(channels: readonly Channel[]): void {
    const channelIds = channels.map(({ id }) => id).filter((id) => this.#channels.delete(id));
    for (const id of channelIds) this.#subscriptions.delete(id);
    if (channelIds.length > 0) this.#say({ op: "unadvertise", channelIds });
  }

  /** @returns whether it was sent anything */
  show(channels: readonly Channel[], messages: Messages): boolean {
    let isShown = false;
    for (const { id, topic } of channels) {
      const subscription = this.#subscriptions.get(id);
      if (subscription === undefined || this.#unread > MAX_UNREAD_BYTES) continue;
      const message = messages.of(topic);
      if (message) this.#send(dataMessage(subscription, messages.time, message));
      isShown ||= message !== null;
    }
    return isShown;
  }

  ping(): void {
    if (!this.#isAlive) return this.#ws.terminate();
    this.#isAlive = false;
    this.#ws.ping();
  }

  close(): void {
    this.#ws.close(1001, "server stopping");
  }

  /** Over TLS, what was taken is known by the pings that are answered. */
  get #unread(): number {
    return Math.max(this.#ws.bufferedAmount, this.#receipts?.unread ?? 0);
  }

  #say(message: unknown): void {
    this.#send(JSON.stringify(message));
  }

  #send(data: string | Uint8Array): void {
    if (this.#ws.readyState !== this.#ws.OPEN) return;
    this.#ws.send(data);
    this.#receipts?.sent(data.length);
  }

  #hear(text: string | null): void {
    const message = text === null ? null : parse(text);
    switch (message?.op) {
      case "subscribe":
        for (const { id, channelId } of list(message.subscriptions)) this.#subscribe(channelId, id);
        return this.#changed();
      case "unsubscribe":
        for (const id of list(message.subscriptionIds)) this.#unsubscribe(id);
        return this.#changed();
      default:
        this.#ws.close(1008, "Cannot do this: allowed are subscribe and unsubscribe");
    }
  }

  #subscribe(channel: unknown, id: unknown): void {
    const isNumber = Number.isInteger(id) && id as number >= 0 && id as number < 2 ** 32;
    if (!isNumber || !this.#channels.has(channel as number)) return; // it has just ended, perhaps
    if (this.#subscriptions.size < MAX_SUBSCRIPTIONS) {
      this.#subscriptions.set(channel as number, id as number);
    }
  }

  #unsubscribe(id: unknown): void {
    for (const [channel, own] of this.#subscriptions) {
      if (own === id) this.#subscriptions.delete(channel);
    }
  }
}

function describe({ id, stream, topic }: Channel) {
  const { encoding, schemaName, schemaEncoding, schema } = FORMS.find((form) =>
    form.topic === topic
  )!;
  const isText = schemaEncoding === "jsonschema";
  return {
    id,
    topic: `/${stream}/${topic}`,
    encoding,
    schemaName,
    schemaEncoding,
    schema: isText ? new TextDecoder().decode(schema) : schema.toBase64(),
  };
}

function dataMessage(subscription: number, time: bigint, payload: Uint8Array): Uint8Array {
  const message = new Uint8Array(MESSAGE_HEADER_BYTES + payload.length);
  const view = new DataView(message.buffer);
  view.setUint8(0, MESSAGE_DATA);
  view.setUint32(1, subscription, true);
  view.setBigUint64(5, time, true);
  message.set(payload, MESSAGE_HEADER_BYTES);
  return message;
}

function parse(text: string): Record<string, unknown> | null {
  try {
    const value = JSON.parse(text);
    return typeof value === "object" ? value : null;
  } catch {
    return null;
  }
}

// deno-lint-ignore no-explicit-any
function list(value: unknown): any[] {
  return Array.isArray(value) ? value.filter((one) => one !== null) : [];
}
