import {
  type Camera,
  listCameras,
  openCamera,
  openImages,
  openSample,
  openScreen,
  openVideo,
  type Source,
} from "../../sdk/mod.ts";
import { droppedFiles } from "./dropped_files.ts";
import { byId, make } from "../ui/elements.ts";
import { type FileKind, isVideo, kindOf, pickFiles } from "./file_picker.ts";

/** Sizes asked of the camera; the longest side is what is sent at most. */
const RESOLUTIONS = [[320, 240], [640, 480], [960, 540], [1280, 720], [1920, 1080]];
const DEFAULT_RESOLUTION = 1;
/** Frames a second, at most; images are shown at this rate. */
const RATES = [1, 2, 5, 10, 15, 30, 60];
const DEFAULT_RATE = 30;

const FILE_KINDS: Record<FileKind, string> = {
  video: "Video file…",
  images: "Images…",
  folder: "Folder of images…",
  recording: "Recording with its video…",
};
/** Kinds of sources; a camera by its name is `camera` too. */
export type SourceKind = "camera" | "screen" | "sample" | FileKind;

/** What the choice tells. */
export interface SourceEvents {
  /** Another source is wanted, or another size of the camera's. */
  source(): void;
  /** Files were chosen or dropped: that is a wish to see them. */
  files(): void;
  /** Other limits, which a running source can take. */
  limits(): void;
  /** Files were dropped that cannot be played. */
  unplayable(): void;
  /** These cameras are there now. */
  cameras(cameras: MediaDeviceInfo[]): void;
}

/** The choice of a source, of its files, of front or back, of a resolution and a rate. */
export class SourceChoice {
  /** The files chosen last. */
  files: File[] = [];
  readonly #source = byId("source", HTMLSelectElement);
  readonly #flip = byId("flip", HTMLButtonElement);
  readonly #again = byId("choose-files", HTMLButtonElement);
  readonly #resolution = byId("resolution", HTMLSelectElement);
  readonly #rate = byId("rate", HTMLSelectElement);
  #facing: "user" | "environment" = "user";
  /** What is in use: a file dialog that is cancelled changes nothing. */
  #value: string = "camera";
  /** The camera that was chosen by its name. */
  #named: { deviceId: string; label: string } | undefined;
  /** What the source in use was asked for. */
  #openedRate = 0;

  constructor(readonly events: SourceEvents) {
    this.#list([]);
    for (const [i, [width, height]] of RESOLUTIONS.entries()) {
      this.#resolution.append(new Option(`${width} × ${height}`, String(i)));
    }
    for (const rate of RATES) this.#rate.append(new Option(`${rate} / s`, String(rate)));
    this.#resolution.value = String(DEFAULT_RESOLUTION);
    this.#rate.value = String(DEFAULT_RATE);
    this.#source.addEventListener("change", () => void this.#chosen());
    this.#again.addEventListener("click", () => void this.pick());
    this.#resolution.addEventListener("change", () => this.#limited(true));
    this.#rate.addEventListener("change", () => this.#limited(this.maxRate > this.#openedRate));
    this.#flip.addEventListener("click", () => {
      this.#facing = this.#facing === "user" ? "environment" : "user";
      this.#use("camera");
      events.source();
    });
    navigator.mediaDevices?.addEventListener("devicechange", () => void this.#devicesChanged());
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) void this.#devicesChanged(); // phones take cameras from hidden pages
    });
    void this.refresh();
  }

  get kind(): SourceKind {
    const kinds = ["screen", "sample", ...Object.keys(FILE_KINDS)];
    return kinds.includes(this.#value) ? this.#value as SourceKind : "camera";
  }

  get maxSide(): number {
    return Math.max(...this.#size());
  }

  get maxRate(): number {
    return Number(this.#rate.value);
  }

  chooseSample(): void {
    this.#use("sample");
  }

  /** Has the user choose files of the kind in use; a choice is told as one of files. */
  async pick(kind = this.kind as FileKind): Promise<void> {
    const files = await pickFiles(kind);
    if (files && files.length > 0) this.#take(kind, files);
    else this.#use(this.#value);
  }

  /** Takes files that are dropped on `target`. */
  acceptDrops(target: HTMLElement): void {
    const drag = (event: DragEvent, over: boolean) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      target.classList.toggle("drop", over);
    };
    target.addEventListener("dragover", (event) => drag(event, true));
    target.addEventListener("dragleave", (event) => drag(event, false));
    target.addEventListener("drop", async (event) => {
      drag(event, false);
      const files = await droppedFiles(event.dataTransfer!).catch(() => []); // gone meanwhile
      const kind = kindOf(files);
      if (kind) this.#take(kind, files);
      else this.events.unplayable();
    });
  }

  /** Opens what is chosen. */
  async open(): Promise<Source> {
    const [width, height] = this.#size();
    const { kind, maxRate: frameRate } = this;
    this.#openedRate = frameRate;
    switch (kind) {
      case "sample":
        return openSample({ width, height });
      case "screen":
        return await openScreen({ frameRate });
      case "video":
        return await openVideo(this.files.find(isVideo) ?? this.files[0]);
      case "images":
      case "folder":
        return await openImages(this.files, { rate: frameRate });
      case "recording":
        throw new Error("Cannot open a recording as a source: it is replayed");
      case "camera": {
        const deviceId = this.#value === "camera" ? undefined : this.#value;
        const facing = this.#facing;
        const camera: Camera = await openCamera({ deviceId, facing, width, height, frameRate });
        await this.refresh(); // allowed now, the cameras have names
        return camera;
      }
    }
  }

  /** Lists the cameras anew; the choice stays, also of one that was unplugged. */
  async refresh(): Promise<MediaDeviceInfo[]> {
    const all = await listCameras().catch(() => []); // a camera works without a list of them
    const cameras = all.filter((camera) => camera.deviceId && camera.label);
    this.#list(cameras);
    // Until a camera is allowed, nobody knows how many there are; phones have two.
    const mayHaveTwo = cameras.length === 0 && matchMedia("(pointer: coarse)").matches;
    this.#flip.hidden = cameras.length < 2 && !mayHaveTwo;
    return all;
  }

  async #devicesChanged(): Promise<void> {
    this.events.cameras(await this.refresh());
  }

  #list(cameras: MediaDeviceInfo[]): void {
    this.#source.replaceChildren(new Option("Camera", "camera"));
    const names = cameras.map(({ label, deviceId }) => new Option(label, deviceId));
    const { deviceId, label } = this.#named ?? {};
    if (deviceId && !cameras.some((camera) => camera.deviceId === deviceId)) {
      names.push(new Option(`${label} (unplugged)`, deviceId));
    }
    if (names.length > 1 || deviceId) {
      this.#source.append(make("optgroup", { label: "Cameras" }, ...names));
    }
    this.#source.append(new Option("Screen", "screen"));
    for (const [kind, label] of Object.entries(FILE_KINDS)) {
      this.#source.append(new Option(label, kind));
    }
    this.#source.append(new Option("Sample", "sample"));
    this.#use(this.#value);
  }

  #size(): number[] {
    return RESOLUTIONS[Number(this.#resolution.value)];
  }

  async #chosen(): Promise<void> {
    const { value } = this.#source;
    if (value in FILE_KINDS) return await this.pick(value as FileKind);
    this.#use(value);
    const { label } = this.#source.selectedOptions[0];
    const isNamed = this.kind === "camera" && value !== "camera";
    this.#named = isNamed ? { deviceId: value, label } : undefined;
    this.events.source();
  }

  #take(kind: FileKind, files: File[]): void {
    this.files = files;
    this.#use(kind);
    this.events.files();
  }

  #use(value: string): void {
    this.#source.value = value;
    if (this.#source.selectedIndex < 0) this.#source.value = "camera";
    this.#value = this.#source.value;
    if (this.#value !== this.#named?.deviceId) this.#named = undefined;
    this.#flip.disabled = this.kind !== "camera";
    this.#again.hidden = !(this.#value in FILE_KINDS);
  }

  /** @param more cameras and the sample, which have a size and rate of their own, are opened anew */
  #limited(more: boolean): void {
    if (more && (this.kind === "camera" || this.kind === "sample")) this.events.source();
    else this.events.limits();
  }
}
