import type { Page } from "playwright-core";

const SECONDS = 3;

/**
 * Gives the page's stage worker frames of 640 × 480 with points that drift, the
 * next as soon as one is painted, and counts those painted on 960 × 720 pixels.
 */
export async function paintedPerSecond(
  page: Page,
  url: string,
  surface: "webgl" | "2d",
  points: number,
): Promise<{ perSecond: number; renderer: string }> {
  await page.route("**/stage-worker.js?*", async (route) => {
    const body = await (await fetch(`${url}/stage-worker.js`)).text();
    // The worker takes WebGL where its renderer's name is a graphics card's.
    const name = surface === "webgl" ? "bench" : "software";
    const named = `WebGL2RenderingContext.prototype.getParameter = () => "${name}";`;
    await route.fulfill({
      body: named + body,
      contentType: "text/javascript",
    });
  });
  await page.goto(url);
  return await page.evaluate(async ({ points, seconds }) => {
    const [width, height] = [640, 480];
    const canvas = document.createElement("canvas");
    Object.assign(canvas.style, { position: "fixed", inset: "0", width: "960px", height: "720px" });
    document.body.append(canvas);
    const picture = new OffscreenCanvas(width, height);
    const context = picture.getContext("2d")!;
    const offscreen = canvas.transferControlToOffscreen();
    const worker = new Worker("/stage-worker.js?bench", { type: "module" });
    worker.postMessage({ type: "canvas", canvas: offscreen }, [offscreen]);
    worker.postMessage({ type: "size", width: 960, height: 720, unit: 1 });
    const id = Uint32Array.from({ length: points }, (_, i) => i);
    const next = (seq: number) => {
      context.fillStyle = `hsl(${seq % 360} 40% 40%)`;
      context.fillRect(0, 0, width, height);
      const xy = Float32Array.from(
        { length: 2 * points },
        (_, i) => (i * 7919 / 2 + seq * 1.5) % (i % 2 ? height : width),
      );
      const tracks = {
        ...{ seq, width, height, reset: false, lost: { id: [], reason: [] } },
        points: {
          ...{ id, xy, dxy: new Float32Array(2 * points).fill(1.5) },
          ...{ error: new Float32Array(points), fb: new Float32Array(points) },
          age: new Uint32Array(points).fill(seq),
        },
      };
      const frame = picture.transferToImageBitmap();
      worker.postMessage({ type: "result", tracks, frame, at: 0 }, [frame]);
    };
    let painted = 0;
    await new Promise<void>((done) => {
      let started = 0;
      worker.onmessage = ({ data: { seq } }) => {
        if (seq === 20) started = performance.now(); // by then trails have their length
        else if (seq > 20) painted++;
        if (started && performance.now() - started > 1000 * seconds) return done();
        next(seq + 1);
      };
      next(0);
    });
    worker.terminate();
    const gl = new OffscreenCanvas(1, 1).getContext("webgl2");
    const info = gl?.getExtension("WEBGL_debug_renderer_info");
    const renderer = gl && info ? gl.getParameter(info.UNMASKED_RENDERER_WEBGL) : "no WebGL";
    return { perSecond: painted / seconds, renderer };
  }, { points, seconds: SECONDS });
}
