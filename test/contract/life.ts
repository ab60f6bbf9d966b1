import assert from "node:assert/strict";
import { EngineError } from "../../tracking/engine.ts";
import { move, rotation, shift, zoom } from "../lib/images.ts";
import { encodeJpeg } from "../lib/jpeg.ts";
import { assertBelow, percentile } from "../lib/oracle.ts";
import {
  type Check,
  DETECT,
  distances,
  FLOW,
  HEIGHT,
  NO_POINTS,
  points,
  still,
  texture,
  WIDTH,
} from "./given.ts";

export function checkLife(check: Check): void {
  check("has a name, a device and a reason", (engine) => {
    for (const text of [engine.info.name, engine.info.device, engine.info.reason]) {
      assert.ok(text.length > 0);
    }
    return Promise.resolve();
  });

  check("measures its times", async (engine) => {
    await using sequence = engine.open();
    await sequence.advance(encodeJpeg(still), NO_POINTS, FLOW);
    const { decodeMs, trackMs } = await sequence.advance(encodeJpeg(still), points, FLOW);
    const { detectMs } = await sequence.detect(DETECT, NO_POINTS);
    for (const ms of [decodeMs, trackMs, detectMs]) assert.ok(ms > 0 && ms < 10_000, `${ms} ms`);
  });

  check("sequences do not know of each other", async (engine) => {
    const motions = [
      shift(1, 0),
      shift(0, -2),
      shift(-1.5, 1.5),
      rotation(1, 100, 100),
      zoom(1.01, 9, 9),
    ];
    const sequences = motions.map(() => engine.open());
    await Promise.all(sequences.map((s) => s.advance(still, NO_POINTS, FLOW)));
    const found = await Promise.all(
      sequences.map((sequence, i) =>
        sequence.advance(texture.draw(WIDTH, HEIGHT, motions[i]), points, FLOW)
      ),
    );
    found.forEach(({ xy }, i) => {
      const off = distances(xy, move(motions[i], points));
      assertBelow(`p95 distance to the true place in sequence ${i}`, percentile(off, 95), 0.2);
    });
    await sequences[0][Symbol.asyncDispose]();
    assert.ok((await sequences[1].advance(still, points, FLOW)).continues);
    await Promise.all(sequences.map((sequence) => sequence[Symbol.asyncDispose]()));
  });

  check("finds no corner before the first frame", async (engine) => {
    await using sequence = engine.open();
    await assert.rejects(sequence.detect(DETECT, NO_POINTS), EngineError);
  });
}

export function checkEnd(check: Check): void {
  check("says so when used after it was closed", async (engine) => {
    const sequence = engine.open();
    await sequence.advance(still, NO_POINTS, FLOW);
    await sequence[Symbol.asyncDispose]();
    await sequence[Symbol.asyncDispose]();
    await assert.rejects(sequence.advance(still, points, FLOW), EngineError);
    await assert.rejects(sequence.detect(DETECT, NO_POINTS), EngineError);

    const orphan = engine.open();
    await orphan.advance(still, NO_POINTS, FLOW);
    await engine.close();
    await engine.close();
    assert.throws(() => engine.open(), EngineError);
    await assert.rejects(orphan.advance(still, points, FLOW), EngineError);
    await assert.rejects(orphan.detect(DETECT, NO_POINTS), EngineError);
    await orphan[Symbol.asyncDispose]();
  });
}
