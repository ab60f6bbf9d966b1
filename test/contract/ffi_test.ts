import assert from "node:assert/strict";
import { SYMBOLS } from "../../engines/ffi.ts";
import { ABI_VERSION, STRUCTS } from "../../engines/layout.ts";

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

Deno.test("ffi: what may have to wait does not hold the event loop", () => {
  const waiting = Object.entries(SYMBOLS).filter(([, symbol]) => "nonblocking" in symbol);
  assert.deepEqual(waiting.map(([name]) => name), [
    ...["lk_engine_create", "lk_engine_destroy"],
    ...["lk_queue_wait", "lk_queue_destroy"],
  ]);
});

Deno.test("ffi: version, struct sizes and offsets are the header's", () => {
  assert.equal(Number(/#define LK_ABI_VERSION (\d+)u/.exec(HEADER)![1]), ABI_VERSION);
  const structs = [...HEADER.matchAll(/typedef struct lk_(\w+) \{([^]*?)\n\} lk_\1;/g)];
  assert.deepEqual(structs.map(([, name]) => name).sort(), Object.keys(STRUCTS).sort());
  for (const [, name, body] of structs) {
    const { bytes, at } = STRUCTS[name as keyof typeof STRUCTS];
    const fields = [...body.matchAll(/\b(\w+)(?:\[\d+\])?;\s*\/\* \[(\d+)\]/g)]
      .map(([, field, offset]) => [field, Number(offset)] as const);
    const declared = body.replace(/\/\*[^]*?\*\//g, "").match(/;/g)!.length;
    assert.equal(fields.length, declared, `a field of lk_${name} has no offset`);
    const used = fields.filter(([field]) => field !== "unused");
    assert.deepEqual(Object.fromEntries(used), at, `offsets of lk_${name}`);
    const [, size] = new RegExp(`(\\d+) bytes\\.(?:(?!typedef)[^])*typedef struct lk_${name} `)
      .exec(HEADER)!;
    assert.equal(Number(size), bytes, `bytes of lk_${name}`);
  }
});
