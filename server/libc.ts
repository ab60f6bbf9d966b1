/** Where the C library may be. */
const NAMES = ["libc.so.6", "libSystem.dylib"];
const RLIMIT_NOFILE = Deno.build.os === "darwin" ? 8 : 7;
const IPPROTO_TCP = 6;
const TCP_INFO = 11;
/** Of `struct tcp_info`: of a listener, `tcpi_unacked` is the length of its queue. */
const TCPI_UNACKED = 24;
const SYMBOLS = {
  getrlimit: { parameters: ["i32", "buffer"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  getsockopt: { parameters: ["i32", "i32", "i32", "buffer", "buffer"], result: "i32" },
} as const;

/** What the system knows of this process, and Deno does not tell. */
export class LibC implements Disposable {
  readonly #library: Deno.DynamicLibrary<typeof SYMBOLS>;

  private constructor(library: Deno.DynamicLibrary<typeof SYMBOLS>) {
    this.#library = library;
  }

  /** Null where the C library is none of those that are known. */
  static open(): LibC | null {
    for (const name of NAMES) {
      try {
        return new LibC(Deno.dlopen(name, SYMBOLS));
      } catch {
        // another system's
      }
    }
    return null;
  }

  /** How many file descriptors the process may have. */
  get descriptorLimit(): number {
    const limits = new BigUint64Array(2); // the one in force, and how far it may be raised
    this.#library.symbols.getrlimit(RLIMIT_NOFILE, limits);
    return Number(limits[0]);
  }

  /** How many connections wait to be accepted by a listener; 0 where the system does not say (it is Linux that does). */
  waiting(descriptor: number): number {
    const info = new DataView(new ArrayBuffer(512));
    const length = new Uint32Array([info.byteLength]);
    const { getsockopt } = this.#library.symbols;
    const status = getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, info as BufferSource, length);
    return Deno.build.os === "linux" && status === 0 ? info.getUint32(TCPI_UNACKED, true) : 0;
  }

  close(descriptor: number): void {
    this.#library.symbols.close(descriptor);
  }

  [Symbol.dispose](): void {
    this.#library.close();
  }
}
