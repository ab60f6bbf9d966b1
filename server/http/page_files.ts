import type { Context } from "hono";
import { accepts } from "hono/accepts";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";
import { fileURLToPath } from "node:url";

const TYPES: Record<string, string> = {
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml",
  png: "image/png",
  webmanifest: "application/manifest+json",
  map: "application/json",
};

/** How a file may be compressed, the densest first. */
const ENCODINGS = ["br", "gzip"] as const;
type Encoding = typeof ENCODINGS[number];
/** In a few milliseconds, about as dense as `gzip` at its best. */
const BROTLI = { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } };

/** A file of the page, as it is answered to a request. */
export class PageFile {
  readonly #body: Uint8Array<ArrayBuffer>;
  readonly #headers: Record<string, string>;
  readonly #compressed = new Map<Encoding, Promise<Uint8Array<ArrayBuffer>>>();

  constructor(body: Uint8Array<ArrayBuffer>, type: string) {
    this.#body = body;
    this.#headers = {
      "Content-Type": type,
      "Cache-Control": "no-cache",
      "Vary": "Accept-Encoding",
      "Access-Control-Allow-Origin": "*", // the SDK is a module, and modules need CORS
    };
  }

  async answer(c: Context): Promise<Response> {
    const encoding = accepts(c, {
      header: "Accept-Encoding",
      supports: [...ENCODINGS],
      default: "identity",
      match: densest,
    });
    if (encoding === "identity") return c.body(this.#body, 200, this.#headers);
    const body = await this.#compress(encoding as Encoding);
    return c.body(body, 200, { ...this.#headers, "Content-Encoding": encoding });
  }

  /** Once, when it is asked for first: a flood of requests must not cost a compression each. */
  #compress(encoding: Encoding): Promise<Uint8Array<ArrayBuffer>> {
    let compressed = this.#compressed.get(encoding);
    if (!compressed) {
      compressed = encoding === "br"
        ? promisify(brotliCompress)(this.#body, BROTLI)
        : promisify(gzip)(this.#body);
      this.#compressed.set(encoding, compressed);
    }
    return compressed;
  }
}

function densest(accepted: { type: string; q: number }[]): string {
  const isAccepted = (encoding: Encoding) =>
    accepted.some(({ type, q }) => type.toLowerCase() === encoding && q > 0);
  return ENCODINGS.find(isAccepted) ?? "identity";
}

/** The files of a folder by their names; those of other kinds than a page has are left out. */
export async function readPageFiles(folder: URL): Promise<Map<string, PageFile>> {
  const files = new Map<string, PageFile>();
  for await (const { name, isFile } of Deno.readDir(folder)) {
    const type = TYPES[name.slice(name.lastIndexOf(".") + 1)];
    if (isFile && type) {
      files.set(name, new PageFile(await Deno.readFile(new URL(name, folder)), type));
    }
  }
  if (!files.has("index.html")) {
    throw new Error(
      `Cannot serve the page: ${fileURLToPath(folder)} has no index.html; run deno task build`,
    );
  }
  return files;
}
