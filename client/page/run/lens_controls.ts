import { Camera, type CameraError, type Source } from "../../sdk/mod.ts";
import { mention } from "../ui/banner.ts";
import { byId, setPressed } from "../ui/elements.ts";

/** Light and zoom, where the camera in use has them. */
export class LensControls {
  readonly #light = byId("light", HTMLButtonElement);
  readonly #zoom = byId("zoom", HTMLInputElement);
  #camera: Camera | undefined;

  constructor() {
    this.#light.addEventListener("click", () => {
      const on = this.#light.getAttribute("aria-pressed") !== "true";
      this.#try((camera) => camera.light(on).then(() => setPressed(this.#light, on)));
    });
    this.#zoom.addEventListener(
      "input",
      () => this.#try((camera) => camera.zoom(this.#zoom.valueAsNumber)),
    );
  }

  /** This source is in use from now on. */
  show(source: Source | undefined): void {
    this.#camera = source instanceof Camera ? source : undefined;
    const { torch = false, zoom = null } = this.#camera?.lens ?? {};
    this.#light.hidden = !torch;
    setPressed(this.#light, false);
    this.#zoom.closest("label")!.hidden = !zoom;
    if (!zoom) return;
    for (const name of ["min", "max", "step"] as const) this.#zoom[name] = `${zoom[name]}`;
    this.#zoom.value = `${Math.max(1, zoom.min)}`;
  }

  #try(act: (camera: Camera) => Promise<void>): void {
    const camera = this.#camera;
    if (camera) act(camera).catch(({ message }: CameraError) => mention(message));
  }
}
