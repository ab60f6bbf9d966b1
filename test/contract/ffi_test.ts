import assert from "node:assert/strict";
import { ABI_VERSION, CALLS_AT_ONCE, SYMBOLS } from "../../engines/ffi.ts";
import { STRUCTS } from "../../engines/layout.ts";

const HEADER = await Deno.readTextFile(new URL("../../native/include/lkstream.h", import.meta.url));

/** What a parameter or result of this C type is to Deno's FFI; handles are pointers, lists buffers. */
function ffiType(c: string): string {
  const type = c.replace(/\bconst\b/g, "").replace(/\s+/g, " ").trim();
  if (type === "void") return "void";
  if (type === "int32_t") return "i32";
  if (type === "uint32_t") return "u32";
  if (/^lk_(engine|sequence|queue) ?\*$/.test(type)) return "pointer";
  if (/\*$/.test(type)) return "buffer";
  throw new Error(`Cannot map the C type ${c}`);
}

/** Name → parameters and result, of every function of the header. */
function prototypes(): Map<string, { parameters: string[]; result: string }> {
  const code = HEADER.replace(/\/\*[\s\S]*?\*\//g, "");
  const found = new Map();
  for (
    const [, result, name, list] of code.matchAll(/LK_API\s+([\w\s]+?\*?)\s*(lk_\w+)\(([^)]*)\)/g)
  ) {
    const parameters = list.split(",").map((text) => text.replace(/\w+\s*$/, "").trim());
    found.set(name, {
      parameters: list.trim() === "void" ? [] : parameters.map(ffiType),
      result: /\*$/.test(result.trim()) ? "pointer" : ffiType(result),
    });
  }
  return found;
}

Deno.test("ffi: every symbol is declared as the header has it", () => {
  const header = prototypes();
  assert.ok(header.size > 15, `${header.size} prototypes were read`);
  for (const [name, { parameters, result }] of Object.entries(SYMBOLS)) {
    assert.deepEqual({ parameters: [...parameters], result }, header.get(name), name);
  }
});

Deno.test("ffi: what may have to wait for a device does not hold the event loop", () => {
  const blocking = Object.entries(SYMBOLS).filter(([, symbol]) => !("nonblocking" in symbol));
  assert.deepEqual(blocking.map(([name]) => name), [
    "lk_abi_version",
    ...["lk_sizeof_job", "lk_sizeof_completion"],
    ...["lk_engine_name", "lk_engine_device", "lk_engine_variant", "lk_engine_counters"],
    ...["lk_sequence_create", "lk_sequence_destroy"], // both say that they return at once
  ]);
});

Deno.test("ffi: version, struct sizes and offsets are the header's", () => {
  assert.equal(Number(/#define LK_ABI_VERSION (\d+)u/.exec(HEADER)![1]), ABI_VERSION);
  const structs = [...HEADER.matchAll(/typedef struct (lk_\w+) \{([\s\S]*?)\n\} \1;/g)];
  assert.deepEqual(structs.map(([, name]) => name).sort(), Object.keys(STRUCTS).sort());
  for (const [, name, body] of structs) {
    const { bytes, fields } = STRUCTS[name as keyof typeof STRUCTS];
    const found = [...body.matchAll(/^ {2}[\w ]+?[ *](\w+)(?:\[\d+\])?;\s*\/\* \[(\d+)\]/gm)];
    assert.equal(
      found.length,
      body.replace(/\/\*[\s\S]*?\*\//g, "").match(/;/g)!.length,
      `a field of ${name} has no offset`,
    );
    assert.deepEqual(
      found.map(([, field, at]) => [field, Number(at)]),
      Object.entries(fields),
      `offsets of ${name}`,
    );
    const size = new RegExp(`(\\d+) bytes\\.(?:(?!typedef)[\\s\\S])*typedef struct ${name} `).exec(
      HEADER,
    );
    assert.equal(Number(size![1]), bytes, `bytes of ${name}`);
  }
});

Deno.test({
  name: "ffi: beside as many calls as go on at once, Deno has a thread for a probe",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const libc = Deno.dlopen("libc.so.6", {
      sem_init: { parameters: ["buffer", "i32", "u32"], result: "i32" },
      sem_wait: { parameters: ["buffer"], result: "i32", nonblocking: true },
      sem_post: { parameters: ["buffer"], result: "i32" },
      getpid: { parameters: [], result: "i32", nonblocking: true },
    });
    const semaphore = new Uint8Array(32);
    libc.symbols.sem_init(semaphore, 0, 0);
    const calls = Array.from({ length: CALLS_AT_ONCE }, () => libc.symbols.sem_wait(semaphore));
    const probe = libc.symbols.getpid();
    const late = Promise.withResolvers<number>();
    const timer = setTimeout(() => late.resolve(NaN), 5000);
    const answer = await Promise.race([probe, late.promise]);
    clearTimeout(timer);
    calls.forEach(() => libc.symbols.sem_post(semaphore));
    await Promise.all([...calls, probe]);
    libc.close();
    assert.equal(answer, Deno.pid);
  },
});
