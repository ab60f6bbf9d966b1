/** A camera whose every picture carries its number, and a gate that holds back its results. */
export interface Coded {
  /** The picture's number, its size being known; NaN where none can be read. */
  numberOf(picture: CanvasImageSource, width: number, height: number): number;
  /** The pixels of the overlay that are painted: the others, if any, are bars beside the frame. */
  drawn(): OffscreenCanvas;
  /** The share of these points, as x, y pairs, at whose place there is a dot. */
  dotted(drawn: OffscreenCanvas, xy: number[]): number;
  /** Turns the camera, as one turns a phone. */
  turn(): void;
  /** Whether `getUserMedia` waits for `allow`. */
  asks: boolean;
  allow: () => void;
  holds: boolean;
  /** Results that were held back, oldest first. */
  held: { seq: number; ids: number[]; xy: number[]; release(): void }[];
  /** Number in each frame that was sent, by its seq. */
  sent: Map<number, Promise<number>>;
}
declare global {
  var coded: Coded;
}

/** Puts {@linkcode Coded} into the page, before its scripts run. */
export function installCoded(): void {
  const BITS = 12, SQUARE = 40;
  const canvas = Object.assign(document.createElement("canvas"), { width: 640, height: 480 });
  const context = canvas.getContext("2d", { alpha: false })!;
  let number = 0;
  /** A mosaic that moves between two rows of squares, each of which spells the number. All is grey. */
  const draw = () => {
    number++;
    context.fillStyle = "#404040";
    context.fillRect(0, 0, canvas.width, canvas.height);
    const x = 160 + 100 * Math.sin(number / 50);
    for (let i = 0; i < 48; i++) {
      const grey = 110 + (i * 89 + 31) % 140;
      context.fillStyle = `rgb(${grey},${grey},${grey})`;
      context.fillRect(x + i % 8 * 24, 150 + Math.floor(i / 8) * 24, 20 - i % 7, 18 - i % 5);
    }
    for (let bit = 0; bit < BITS; bit++) {
      context.fillStyle = number >> bit & 1 ? "#fff" : "#000";
      context.fillRect(bit * SQUARE, 0, SQUARE, SQUARE);
      context.fillRect(bit * SQUARE, canvas.height - SQUARE, SQUARE, SQUARE);
    }
  };
  draw();
  setInterval(draw, 33);

  const numberOf: Coded["numberOf"] = (picture, width, height) => {
    const copy = new OffscreenCanvas(width, height).getContext("2d")!;
    copy.drawImage(picture, 0, 0, width, height);
    const [above, below] = [0, height - SQUARE].map((y) => {
      let number = 0;
      for (let bit = 0; bit < BITS; bit++) {
        const { data } = copy.getImageData(bit * SQUARE + 10, y + 10, SQUARE - 20, SQUARE - 20);
        let sum = 0;
        for (let i = 0; i < data.length; i += 4) sum += data[i];
        const mean = sum / (data.length / 4);
        if (mean > 70 && mean < 185) return NaN;
        if (mean > 128) number |= 1 << bit;
      }
      return number;
    });
    return above === below ? above : NaN;
  };

  const drawn: Coded["drawn"] = () => {
    const overlay = document.querySelector<HTMLCanvasElement>("#overlay")!;
    const { width, height } = overlay;
    const all = new OffscreenCanvas(width, height).getContext("2d")!;
    all.drawImage(overlay, 0, 0);
    const bar = ({ data }: ImageData) => {
      let length = 0;
      while (length < data.length / 4 && data[4 * length + 3] < 128) length++;
      return length;
    };
    const x = bar(all.getImageData(0, height >> 1, width >> 1, 1));
    const y = bar(all.getImageData(width >> 1, 0, 1, height >> 1));
    const inner = new OffscreenCanvas(Math.max(1, width - 2 * x), Math.max(1, height - 2 * y));
    inner.getContext("2d")!.drawImage(overlay, -x, -y);
    return inner;
  };

  const dotted: Coded["dotted"] = (drawn, xy) => {
    const { width, height } = drawn;
    const { data } = drawn.getContext("2d")!.getImageData(0, 0, width, height);
    let dots = 0;
    for (let i = 0; i < xy.length; i += 2) {
      const x = Math.floor((xy[i] + 0.5) * width / canvas.width);
      const y = Math.floor((xy[i + 1] + 0.5) * height / canvas.height);
      const rgb = data.subarray(4 * (y * width + x), 4 * (y * width + x) + 3);
      if (Math.max(...rgb) - Math.min(...rgb) > 50) dots++; // all else is grey
    }
    return dots / (xy.length / 2);
  };

  const coded: Coded = {
    numberOf,
    drawn,
    dotted,
    turn: () => [canvas.width, canvas.height] = [canvas.height, canvas.width],
    asks: false,
    allow: () => {},
    holds: false,
    held: [],
    sent: new Map(),
  };
  Object.assign(globalThis, { coded });
  navigator.mediaDevices.getUserMedia = async () => {
    if (coded.asks) await new Promise<void>((allowed) => coded.allow = allowed);
    return canvas.captureStream(30);
  };

  globalThis.WebSocket = class extends WebSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols);
      let receive: ((event: MessageEvent) => void) | null = null;
      Object.defineProperty(this, "onmessage", { set: (handler) => receive = handler });
      this.addEventListener("message", (event) => {
        if (!coded.holds || typeof event.data === "string") return receive?.(event);
        const n = new DataView(event.data).getUint32(20, true);
        coded.held.push({
          seq: new DataView(event.data).getUint32(4, true),
          ids: [...new Uint32Array(event.data, 64, n)],
          xy: [...new Float32Array(event.data, 64 + 4 * n, 2 * n)],
          release: () => receive?.(event),
        });
      });
    }
    override send(data: string | Uint8Array<ArrayBuffer>): void {
      super.send(data);
      if (typeof data === "string") return;
      const seq = new DataView(data.buffer).getUint32(4, true);
      const bitmap = createImageBitmap(new Blob([data.subarray(16)]));
      coded.sent.set(seq, bitmap.then((it) => numberOf(it, it.width, it.height)));
    }
  } as typeof WebSocket;
}
