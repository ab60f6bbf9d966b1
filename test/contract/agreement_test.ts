/** Every JPEG, whole or damaged, means the same on the cpu and on the wasm engine. */
import assert from "node:assert/strict";
import { builtLibrary } from "../../engines/select.ts";
import { readScans } from "../../protocol/jpeg_scans.ts";
import { FrameError } from "../../tracking/engine.ts";
import { JpegDecoder } from "../../wasm/jpeg.ts";
import { damagedJpeg } from "../lib/damaged_jpegs.ts";
import { readFolder } from "../lib/inputs.ts";
import { NativeJpegDecoder } from "../lib/native_jpeg.ts";
import { random } from "../lib/random.ts";

const MAX_PIXELS = 640 * 480;
const ROUNDS = 8000;

/**
 * A block whose dequantized coefficients sum to more than this may give samples
 * more than 512 grey levels from the middle: an inverse DCT multiplies each by
 * 1.39 at most, across and down, and divides by 8. From there on libjpeg-turbo's
 * plain code, which the wasm engine runs, wraps, and its vector code, which the
 * cpu engine runs, does not. Only what damage made of coefficients comes here;
 * each engine has pixels of its own then, all of them meaningless.
 */
const MOST_WITHIN_RANGE = 512 * 8 / 1.39 ** 2;

const library = await builtLibrary().catch((error) => {
  console.log(`Agreement of cpu and wasm is not compared: ${error.message}`);
  return null;
});

/** Decodes by wasm: the grey levels; or why it is refused. */
function decodeByWasm(decoder: JpegDecoder, jpeg: Uint8Array): Uint8Array | string {
  let pixels = new Uint8Array();
  try {
    decoder.decode(jpeg, MAX_PIXELS, (w, h) => pixels = new Uint8Array(w * h));
    return pixels;
  } catch (error) {
    assert.ok(error instanceof FrameError, `${error}`);
    return error.message;
  }
}

/** Whether no sample can be out of the range in which all code agrees. */
function isWithinRange(jpeg: Uint8Array): boolean {
  try {
    return readScans(jpeg, 1).components.every(({ coefficients, quantization }) => {
      for (let block = 0; quantization && block < coefficients.length; block += 64) {
        let sum = 0;
        for (let k = 0; k < 64; k++) sum += Math.abs(coefficients[block + k] * quantization[k]);
        if (sum > MOST_WITHIN_RANGE) return false;
      }
      return true;
    });
  } catch {
    return false; // arithmetic coding, which does not tell of damage either
  }
}

function compare(
  what: string,
  jpeg: Uint8Array<ArrayBuffer>,
  native: Uint8Array | string,
  wasm: Uint8Array | string,
) {
  if (typeof native === "string" || typeof wasm === "string") {
    assert.ok(
      typeof native === typeof wasm,
      `${what}: cpu ${typeof native === "string" ? native : "takes it"}; ` +
        `wasm ${typeof wasm === "string" ? wasm : "takes it"}`,
    );
    return "refused";
  }
  assert.equal(native.length, wasm.length, what);
  if (native.every((grey, i) => grey === wasm[i])) return "same";
  assert.ok(!isWithinRange(jpeg), `${what}: other pixels`);
  return "out of range";
}

Deno.test({
  name: "agreement: cpu and wasm take the same files, with the same pixels",
  ignore: library === null,
  async fn() {
    using native = new NativeJpegDecoder(library!);
    const decoder = await JpegDecoder.load();
    const files = [...await readFolder(""), ...await readFolder("small/")];
    const taken = files.filter(({ name, jpeg }) =>
      compare(name, jpeg, native.decode(jpeg, MAX_PIXELS), decodeByWasm(decoder, jpeg)) === "same"
    );
    const refused = files.filter((file) => !taken.includes(file)).map(({ name }) => name);
    assert.deepEqual(refused, ["cmyk.jpg", "no-dqt.jpg", "unsupported-sof3.jpg"]);
  },
});

Deno.test({
  name: "agreement: cpu and wasm take the same damaged files, with the same pixels",
  ignore: library === null,
  async fn() {
    using native = new NativeJpegDecoder(library!);
    const decoder = await JpegDecoder.load();
    const seeds = (await readFolder("small/")).map(({ jpeg }) => jpeg);
    const counts = { refused: 0, same: 0, "out of range": 0 };
    for (let seed = 1; seed <= ROUNDS; seed++) {
      const jpeg = damagedJpeg(seeds, random(seed));
      const [a, b] = [native.decode(jpeg, MAX_PIXELS), decodeByWasm(decoder, jpeg)];
      counts[compare(`seed ${seed}`, jpeg, a, b)]++;
      await Promise.resolve(); // where the decoder renews its codec
    }
    // damage of all kinds: much of it costs pixels, much does not
    assert.ok(counts.refused > ROUNDS / 4 && counts.same > ROUNDS / 4, JSON.stringify(counts));
    assert.ok(counts["out of range"] < ROUNDS / 100, JSON.stringify(counts));
  },
});
