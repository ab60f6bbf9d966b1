/**
 * The suite that every engine must pass: what `FlowEngine` promises, on images
 * whose motion is known exactly, and against OpenCV by direct calls.
 */
import type { FlowEngine } from "../../tracking/engine.ts";
import { checkAppearance } from "./appearance.ts";
import { checkCorners } from "./corners.ts";
import { checkEnding } from "./ending.ts";
import { checkOptions } from "./flow_options.ts";
import { checkFrames } from "./frames.ts";
import type { Check, MakeEngine } from "./given.ts";
import { checkEnd, checkLife } from "./life.ts";
import { checkColumns, checkMotion } from "./motion.ts";
import { checkResume } from "./resume.ts";

export { DETECT, detect, FLOW, follow, MAX_FRAME_PIXELS } from "./given.ts";

/**
 * Registers the suite's tests for one engine. They share one, for opencv.js
 * takes long to load; only what closes its engine has one of its own.
 *
 * @returns what registers further tests on the one they share
 */
export function contract(name: string, makeEngine: MakeEngine): Check {
  let shared: FlowEngine | undefined;
  Deno.test.beforeAll(async () => {
    shared = await makeEngine();
  });
  Deno.test.afterAll(() => shared?.close());
  const check: Check = (title, body) => Deno.test(`${name}: ${title}`, () => body(shared!));
  const checkAlone: Check = (title, body) =>
    Deno.test(`${name}: ${title}`, async () => {
      const engine = await makeEngine();
      try {
        await body(engine);
      } finally {
        await engine.close();
      }
    });
  checkMotion(check);
  checkColumns(check);
  checkOptions(check);
  checkCorners(check);
  checkFrames(check);
  checkLife(check);
  checkEnding(name, makeEngine);
  checkResume(check);
  checkAppearance(check);
  checkEnd(checkAlone);
  return check;
}
