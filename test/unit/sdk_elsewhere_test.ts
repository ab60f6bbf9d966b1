import assert from "node:assert/strict";

/** No static import of the SDK here: it is to be loaded on a platform that is older than this one. */
function load(): Promise<typeof import("../../client/sdk/mod.ts")> {
  return import("../../client/sdk/mod.ts");
}

/** `Symbol` without what came last: the platform's own lets go of nothing. */
function olderSymbol(native: SymbolConstructor): SymbolConstructor {
  const older = ((name: string) => native(name)) as unknown as SymbolConstructor;
  for (const [name, property] of Object.entries(Object.getOwnPropertyDescriptors(native))) {
    if (!/ispose$|^(length|name|prototype)$/.test(name)) {
      Object.defineProperty(older, name, property);
    }
  }
  return older;
}

Deno.test("sdk: where Symbol.dispose is missing, what the SDK opens can be closed by using", async () => {
  const native = globalThis.Symbol;
  globalThis.Symbol = olderSymbol(native);
  try {
    assert.equal(Symbol.dispose, undefined);
    const { Camera, Capture, Connection, Governor } = await load();
    assert.equal(Symbol.dispose, native.for("Symbol.dispose")); // as compilers look for it
    for (const { prototype } of [Camera, Capture, Connection, Governor]) {
      assert.equal(typeof prototype[Symbol.dispose], "function");
      assert.ok(!("undefined" in prototype));
    }
  } finally {
    globalThis.Symbol = native;
  }
});

Deno.test("sdk: outside of a page, sources say that they open in pages only", async () => {
  const { capture, listCameras, openCamera, openImages, openSample, openScreen, openVideo } =
    await load();
  const refused = (name: string) => ({
    name,
    reason: "NoPage",
    message: /^Cannot open .* here: sources open in pages only$/,
    remedy: /connection\.send\(jpeg\)/,
  });
  await assert.rejects(openCamera(), refused("CameraError"));
  await assert.rejects(openScreen(), refused("SourceError"));
  await assert.rejects(openVideo(new Blob()), refused("SourceError"));
  await assert.rejects(openImages([]), refused("SourceError"));
  assert.throws(() => openSample(), refused("SourceError"));
  assert.deepEqual(await listCameras(), []);
  assert.throws(() => capture({ getContext: null } as never, {} as never), {
    name: "TypeError",
    message: /^Cannot take frames here: allowed are pages and workers; .*connection\.send/,
  });
});
