import assert from "node:assert/strict";
import { changesOf, readFragment, writeFragment } from "../../client/page/panels/option_link.ts";
import { PRESETS } from "../../client/page/panels/presets.ts";
import { TrackingOptions } from "../../client/page/panels/tracking_options.ts";
import { LkstreamError } from "../../client/sdk/mod.ts";
import {
  defaultOptions,
  mergeOptions,
  type Options,
  type PartialOptions,
} from "../../protocol/mod.ts";

const CHANGES: PartialOptions = {
  detect: { enabled: false, maxCorners: 100 },
  flow: { winSize: [15, 31], epsilon: 1e-7 },
  filter: { maxError: 12.5, forwardBackward: null },
};

Deno.test("page options: a link holds what differs from the defaults, and gives it back", () => {
  const options = mergeOptions(defaultOptions(), CHANGES);
  const fragment = writeFragment(options);
  assert.equal(
    fragment,
    "detect.enabled=false&detect.maxCorners=100&flow.winSize=15x31&flow.epsilon=1e-7&" +
      "filter.maxError=12.5&filter.forwardBackward=off",
  );
  assert.deepEqual(readFragment(`#${fragment}`), { options, problems: [] });
  assert.deepEqual(changesOf(options), CHANGES);
  const asJson = fragment.replace("15x31", "[15,31]"); // as on the command line
  assert.deepEqual(readFragment(asJson), { options, problems: [] });
});

Deno.test("page options: the defaults need no link, and an empty one gives them", () => {
  assert.equal(writeFragment(defaultOptions()), "");
  assert.deepEqual(changesOf(defaultOptions()), {});
  for (const empty of ["", "#"]) {
    assert.deepEqual(readFragment(empty), { options: defaultOptions(), problems: [] });
  }
});

Deno.test("page options: what a link cannot have is told by name, the rest applies", () => {
  const { options, problems } = readFragment(
    "#flow.maxLevel=99&flow.winSize=15x&flow.winsize=15x15&foo=1&__proto__.x=1&detect.enabled=yes&" +
      "filter.maxError=&detect.k=0x&filter.crowding=off&detect.maxCorners=77&filter.maxError=9",
  );
  const expected = mergeOptions(defaultOptions(), {
    detect: { maxCorners: 77 },
    filter: { maxError: 9 },
  });
  assert.deepEqual(options, expected);
  const names = [
    "flow.maxLevel to 99",
    "flow.winSize to",
    "flow.winsize to",
    "foo to",
    "__proto__ to",
    "detect.enabled to",
    "filter.maxError to",
    "detect.k to",
    "filter.crowding to",
  ];
  assert.equal(problems.length, names.length, problems.join("\n"));
  for (const [i, name] of names.entries()) {
    assert.ok(problems[i].startsWith(`Cannot set ${name}`), problems[i]);
    assert.match(problems[i], /allowed are/);
  }
});

Deno.test("page options: every preset is allowed, differs from the others, and the first is the default", () => {
  const fragments = PRESETS.map(({ changes }) =>
    writeFragment(mergeOptions(defaultOptions(), changes))
  );
  assert.equal(new Set(fragments).size, PRESETS.length);
  assert.equal(fragments[0], "");
});

Deno.test("page options: the tutorial preset has the tutorial's values", () => {
  const { changes } = PRESETS.find(({ name }) => name === "OpenCV tutorial")!;
  const { detect, flow } = mergeOptions(defaultOptions(), changes);
  const { maxCorners, qualityLevel, minDistance, blockSize } = detect;
  assert.deepEqual([maxCorners, qualityLevel, minDistance, blockSize], [100, 0.3, 7, 7]);
  const { winSize, maxLevel, maxCount, epsilon } = flow;
  assert.deepEqual([winSize, maxLevel, maxCount, epsilon], [[15, 15], 2, 10, 0.03]);
});

Deno.test("page options: without a server a change is in force at once", () => {
  const options = new TrackingOptions(() => undefined);
  const seen: Options[] = [];
  options.watch((inForce) => seen.push(inForce));
  void options.change(CHANGES);
  assert.deepEqual(seen, [defaultOptions(), mergeOptions(defaultOptions(), CHANGES)]);
});

Deno.test("page options: with a server, what it answers is in force", async () => {
  const answer = mergeOptions(defaultOptions(), { flow: { maxLevel: 1 } });
  const options = new TrackingOptions(() => Promise.resolve(answer));
  const changed = options.change({ flow: { maxLevel: 2 } });
  assert.equal(options.inForce.flow.maxLevel, 2); // shown while the answer is awaited
  await changed;
  assert.equal(options.inForce, answer);
});

Deno.test("page options: what a session did not answer is for the next one", async () => {
  const ended = new LkstreamError("disconnected", "The connection was closed");
  const options = new TrackingOptions(() => Promise.reject(ended));
  await options.change(CHANGES);
  assert.deepEqual(options.inForce, mergeOptions(defaultOptions(), CHANGES));
});

Deno.test("page options: what the server refuses is taken back", async () => {
  const refusal = new LkstreamError("bad_option", "Cannot set flow.maxLevel to 2: allowed are 0");
  const options = new TrackingOptions(() => Promise.reject(refusal));
  await assert.rejects(options.change({ flow: { maxLevel: 2 } }), refusal);
  assert.deepEqual(options.inForce, defaultOptions());
});

Deno.test("page options: a change that is not allowed is refused and not sent", async () => {
  let sent = 0;
  const options = new TrackingOptions(() => (sent++, undefined));
  await assert.rejects(options.change({ flow: { maxLevel: 9 } }), /Cannot set flow\.maxLevel to 9/);
  assert.equal(sent, 0);
  assert.deepEqual(options.inForce, defaultOptions());
});
