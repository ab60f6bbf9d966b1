/** The stage before the first frame: a still field of little trails around two swirls. */
const SPACING = 26;
const TURN = 2 * Math.PI;

/** `unit` is one CSS pixel on the canvas. */
export function paintIdle(
  context: OffscreenCanvasRenderingContext2D,
  unit: number,
  colour: string,
): void {
  const { width, height } = context.canvas;
  context.strokeStyle = context.fillStyle = colour;
  context.lineWidth = 1.4 * unit;
  context.lineCap = "round";
  const step = SPACING * unit;
  for (let y = step / 2; y < height; y += step) {
    for (let x = step / 2; x < width; x += step) {
      const [u, v] = flow(x / width, y / height);
      const length = Math.hypot(u, v);
      const nearEdge = Math.min(1, 2.2 * Math.hypot(x / width - 0.5, y / height - 0.5));
      context.globalAlpha = nearEdge * (0.12 + 0.4 * length);
      context.beginPath();
      context.moveTo(x - u * step * 0.8, y - v * step * 0.8);
      context.lineTo(x, y);
      context.stroke();
      context.beginPath();
      context.arc(x, y, 1.5 * unit, 0, TURN);
      context.fill();
    }
  }
  context.globalAlpha = 1;
}

/** Two swirls that turn against each other. */
function flow(x: number, y: number): [u: number, v: number] {
  let u = 0, v = 0;
  for (const [cx, cy, turn] of [[0.22, 0.35, 1], [0.8, 0.62, -1]]) {
    const dx = x - cx, dy = y - cy;
    const strength = turn * Math.exp(-7 * (dx * dx + dy * dy)) * 2.6;
    u -= dy * strength;
    v += dx * strength;
  }
  return [u, v];
}
