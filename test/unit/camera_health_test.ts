import assert from "node:assert/strict";
import { CameraHealth, type Look } from "../../client/sdk/sources/camera_health.ts";

/** What is judged of a camera that is looked at each half second. */
function judged(looks: Partial<Look>[], interval?: number) {
  const health = new CameraHealth(0, interval);
  let now = 0, frameAt: number | undefined;
  return looks.map((look) => {
    now += 500;
    if ("frameAt" in look) frameAt = look.frameAt;
    return health.judge({
      now,
      frameAt,
      isMuted: false,
      isBlind: false,
      brightest: undefined,
      ...look,
    });
  });
}
/** So many looks, each half a second after the one before. */
const looks = (count: number, look: Partial<Look> = {}) => Array<Partial<Look>>(count).fill(look);
/** Looks that each see a new frame. */
const seeing = (count: number, from: number, look: Partial<Look> = {}) =>
  Array.from({ length: count }, (_, i) => ({ frameAt: from + 500 * (i + 1), ...look }));

Deno.test("camera: a first frame that does not come is told after 3 s, until it comes", () => {
  assert.deepEqual(judged([...looks(7), ...seeing(2, 3500, { brightest: 99 })]), [
    ...Array(6).fill(null),
    "no_picture",
    null,
    null,
  ]);
});

Deno.test("camera: frames that stop are told after 3 s, until they go on", () => {
  const told = judged([...seeing(4, 0, { brightest: 99 }), ...looks(8), ...seeing(1, 6000)]);
  assert.deepEqual(told, [...Array(10).fill(null), "frozen", "frozen", null]);
});

Deno.test("camera: one that is held back is told after 1 s, sooner than one that is silent", () => {
  const muted = { isMuted: true };
  const told = judged([...seeing(2, 0), ...looks(4, muted), ...seeing(1, 3000)]);
  assert.deepEqual(told, [null, null, null, null, "muted", "muted", null]);
  assert.deepEqual(judged([...looks(3, muted), ...looks(1)]), [null, null, "muted", null]);
  // Some browsers call a camera muted that brings frames.
  assert.deepEqual(judged(seeing(4, 0, muted)), [null, null, null, null]);
});

Deno.test("camera: a black picture is told after 2 s, until something is seen", () => {
  const told = judged([
    ...seeing(6, 0, { brightest: 23 }),
    { frameAt: 3000 }, // slower than it is looked at
    ...seeing(1, 3500, { brightest: 24 }),
    ...seeing(4, 4000, { brightest: 5 }),
  ]);
  assert.deepEqual(told, [
    ...Array(4).fill(null),
    "black",
    "black",
    "black",
    ...Array(5).fill(null),
  ]);
});

Deno.test("camera: while nothing can be told it stays as it was, and the time does not count", () => {
  const blind = { isBlind: true };
  const told = judged([...seeing(2, 0), ...looks(20, blind), ...looks(6), ...looks(1)]);
  assert.deepEqual(told, [...Array(28).fill(null), "frozen"]);
  const black = judged([...seeing(5, 0, { brightest: 0 }), ...looks(10, blind)]);
  assert.deepEqual(black.slice(4), Array(11).fill("black"));
});

Deno.test("camera: one of few frames is not frozen between them", () => {
  assert.deepEqual(judged([...seeing(1, 0), ...looks(11)], 2000), Array(12).fill(null));
  assert.equal(judged([...seeing(1, 0), ...looks(13)], 2000).at(-1), "frozen");
});
