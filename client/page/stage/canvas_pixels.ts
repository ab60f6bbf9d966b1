/** More pixels than this a side are not seen, but cost time. */
const MAX_SIDE = 2560;

/** How large a canvas must be, in its own pixels; `unit` of them are one CSS pixel. */
export interface PixelSize {
  width: number;
  height: number;
  unit: number;
}

/**
 * Calls back with the size at which the canvas has the device pixels that it
 * covers, now and whenever that changes: by layout, by zoom, on another screen.
 */
export function watchPixels(canvas: HTMLCanvasElement, changed: (size: PixelSize) => void): void {
  let latest = "";
  const measure = () => {
    const { clientWidth, clientHeight } = canvas;
    if (clientWidth === 0 || clientHeight === 0) return;
    const unit = Math.min(devicePixelRatio, MAX_SIDE / Math.max(clientWidth, clientHeight));
    const size = {
      width: Math.round(clientWidth * unit),
      height: Math.round(clientHeight * unit),
      unit,
    };
    if (latest !== (latest = JSON.stringify(size))) changed(size);
  };
  const watchRatio = () => {
    measure();
    // The query holds for one ratio only, so each change asks for the next.
    matchMedia(`(resolution: ${devicePixelRatio}dppx)`)
      .addEventListener("change", watchRatio, { once: true });
  };
  new ResizeObserver(measure).observe(canvas);
  watchRatio();
}
