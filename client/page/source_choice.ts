import { type Camera, listCameras, openCamera, openSample, type Source } from "../sdk/mod.ts";
import { byId, make } from "./elements.ts";

/** Sizes asked of the camera; the longest side is what is sent at most. */
const RESOLUTIONS = [[320, 240], [640, 480], [960, 540], [1280, 720], [1920, 1080]];
const DEFAULT = 1;
const ANY_CAMERA = "camera";
const SAMPLE = "sample";

/** The choice of camera or sample, of front or back, and of a resolution. */
export class SourceChoice {
  readonly #source = byId("source", HTMLSelectElement);
  readonly #flip = byId("flip", HTMLButtonElement);
  readonly #resolution = byId("resolution", HTMLSelectElement);
  #facing: "user" | "environment" = "user";

  constructor(readonly changed: () => void) {
    this.#source.append(new Option("Camera", ANY_CAMERA), new Option("Sample", SAMPLE));
    for (const [i, [width, height]] of RESOLUTIONS.entries()) {
      this.#resolution.append(new Option(`${width} × ${height}`, String(i)));
    }
    this.#resolution.value = String(DEFAULT);
    this.#source.addEventListener("change", () => this.#chosen());
    this.#resolution.addEventListener("change", changed);
    this.#flip.addEventListener("click", () => {
      this.#facing = this.#facing === "user" ? "environment" : "user";
      this.#source.value = ANY_CAMERA;
      this.#chosen();
    });
    navigator.mediaDevices?.addEventListener("devicechange", () => void this.refresh());
    void this.refresh();
  }

  get maxSide(): number {
    return Math.max(...this.#size());
  }

  get isSample(): boolean {
    return this.#source.value === SAMPLE;
  }

  chooseSample(): void {
    this.#source.value = SAMPLE;
    this.#flip.disabled = true;
  }

  /** Opens what is chosen. */
  async open(): Promise<Source> {
    const [width, height] = this.#size();
    if (this.isSample) return openSample({ width, height });
    const { value } = this.#source;
    const deviceId = value === ANY_CAMERA ? undefined : value;
    const camera: Camera = await openCamera({ deviceId, facing: this.#facing, width, height });
    await this.refresh(); // allowed now, the cameras have names
    return camera;
  }

  /** Lists the cameras anew; the choice stays if it is still there. */
  async refresh(): Promise<void> {
    const all = await listCameras().catch(() => []); // a camera works without a list of them
    const cameras = all.filter((camera) => camera.deviceId && camera.label);
    const { value } = this.#source;
    this.#source.replaceChildren(new Option("Camera", ANY_CAMERA));
    if (cameras.length > 1) {
      const names = cameras.map(({ label, deviceId }) => new Option(label, deviceId));
      this.#source.append(make("optgroup", { label: "Cameras" }, ...names));
    }
    this.#source.append(new Option("Sample", SAMPLE));
    this.#source.value = value;
    if (this.#source.selectedIndex < 0) this.#source.value = ANY_CAMERA;
    // Until a camera is allowed, nobody knows how many there are; phones have two.
    const mayHaveTwo = cameras.length === 0 && matchMedia("(pointer: coarse)").matches;
    this.#flip.hidden = cameras.length < 2 && !mayHaveTwo;
  }

  #size(): number[] {
    return RESOLUTIONS[Number(this.#resolution.value)];
  }

  #chosen(): void {
    this.#flip.disabled = this.isSample;
    this.changed();
  }
}
