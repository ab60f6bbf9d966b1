import { FlatSurface } from "./flat_surface.ts";
import { GlSurface } from "./gl_surface.ts";
import type { Surface } from "./surface.ts";

/** Names of renderers that imitate a graphics card on the CPU. */
const SOFTWARE = /swiftshader|llvmpipe|softpipe|software|basic render/i;

/**
 * WebGL 2 on a graphics card, else the 2D canvas: WebGL imitated on the CPU is
 * several times slower than that.
 */
export function openSurface(canvas: OffscreenCanvas): Surface {
  return hasGraphicsCard()
    ? new GlSurface(canvas.getContext("webgl2", { antialias: false })!)
    : new FlatSurface(canvas.getContext("2d")!);
}

/** Tried on a canvas of its own: one that had a WebGL context never gets another. */
function hasGraphicsCard(): boolean {
  const gl = new OffscreenCanvas(1, 1).getContext("webgl2");
  if (!gl) return false;
  const info = gl.getExtension("WEBGL_debug_renderer_info");
  const renderer = gl.getParameter(info ? info.UNMASKED_RENDERER_WEBGL : gl.RENDERER);
  gl.getExtension("WEBGL_lose_context")?.loseContext(); // browsers allow few at a time
  return !SOFTWARE.test(renderer);
}
