import type { Playable } from "./source.ts";
import { isPage, noPage } from "./page_only.ts";
import { SourceError } from "./source_error.ts";

/** How {@linkcode openImages} plays. */
export interface ImagesOptions {
  /** Images a second. */
  rate?: number;
}

/**
 * Plays images without end, in the order of their names as people count:
 * `2.jpg` before `10.jpg`. None waits to be sent: a capture that is not ready for an image
 * passes it by. Files that are no images are left out.
 *
 * @throws {SourceError} where none can be shown.
 */
export async function openImages(
  files: Iterable<File>,
  options: ImagesOptions = {},
): Promise<Images> {
  if (!isPage) throw new SourceError("NoPage", noPage("images"));
  const byName = new Intl.Collator("en", { numeric: true });
  const images = [...files]
    .filter(({ type }) => type.startsWith("image/"))
    .sort((a, b) => byName.compare(pathOf(a), pathOf(b)));
  const source = new Images(images, options);
  for (let left = images.length; left > 0; left--) {
    if (!await source.next()) continue;
    source.play();
    return source;
  }
  source.close();
  throw new SourceError("NoImages", {
    message: "There are no images that this browser can show",
    remedy: "Choose JPEG, PNG or WebP files, or a folder of them.",
  });
}

/** Images that are shown one after the other, once they play. */
export class Images implements Playable {
  /** Images a second; it may be changed at any time. */
  rate: number;
  readonly label: string;
  readonly picture = document.createElement("canvas");
  readonly #context = this.picture.getContext("2d", { alpha: false })!;
  #at = 0;
  #shown = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #playing = false;
  #stepping = false;
  #closed = false;

  constructor(readonly files: File[], { rate = 10 }: ImagesOptions = {}) {
    this.rate = rate;
    this.label = `${files.length} images`;
  }

  get playing(): boolean {
    return this.#playing;
  }

  play(): void {
    if (this.#playing || this.#closed) return;
    this.#playing = true;
    if (!this.#stepping) this.#stepAt(performance.now() + 1000 / this.rate);
  }

  pause(): void {
    this.#playing = false;
    clearTimeout(this.#timer);
  }

  /** Shows the next image; false where it cannot be decoded, and is left out. */
  async next(): Promise<boolean> {
    const file = this.files[this.#at++ % this.files.length];
    const image = await createImageBitmap(file).catch(() => null);
    if (!image) return false;
    if (!this.#closed) this.#show(image);
    image.close();
    return !this.#closed;
  }

  /** It never ends by itself. */
  onEnded(): void {}

  close(): void {
    this.#closed = true;
    this.pause();
    this.picture.remove();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #show(image: ImageBitmap): void {
    const { width, height } = image;
    if (this.picture.width !== width) this.picture.width = width;
    if (this.picture.height !== height) this.picture.height = height;
    this.#context.drawImage(image, 0, 0);
    this.picture.dataset.frame = String(this.#shown++);
  }

  #stepAt(due: number): void {
    this.#timer = setTimeout(() => void this.#step(), due - performance.now());
  }

  /** One at a time: a step that decodes while Pause and Play are pressed is itself the one that goes on. */
  async #step(): Promise<void> {
    const due = performance.now() + 1000 / this.rate;
    this.#stepping = true;
    await this.next();
    this.#stepping = false;
    if (this.#playing) this.#stepAt(due);
  }
}

/** With its folders, where a folder was chosen. */
function pathOf(file: File): string {
  return file.webkitRelativePath || file.name;
}
