import type { Tracks } from "../../protocol/mod.ts";
import { cannot } from "../command_line.ts";
import type { Picture } from "../pictures/picture.ts";
import { withoutExif } from "./picture.ts";
import { Rasteriser } from "./raster.ts";
import { Trails, type TrailsDrawing } from "./trails_scene.ts";

/** Draws the frames of a sequence into a folder, as 000000.jpg and on. */
export class FrameFolder {
  readonly #folder: string;
  readonly #rasteriser: Rasteriser;
  readonly #trails: Trails;

  private constructor(folder: string, rasteriser: Rasteriser, trails: Trails) {
    this.#folder = folder;
    this.#rasteriser = rasteriser;
    this.#trails = trails;
  }

  /** Makes the folder, if there is none. */
  static async open(folder: string, drawing: TrailsDrawing): Promise<FrameFolder> {
    await Deno.mkdir(folder, { recursive: true }).catch(cannot(`draw into ${folder}`));
    return new FrameFolder(folder, await Rasteriser.load(), new Trails(drawing));
  }

  /** Draws the next frame; its number names the file. */
  async add(picture: Picture, tracks: Tracks): Promise<void> {
    const scene = this.#trails.draw(withoutExif(picture), tracks);
    const name = `${tracks.seq}`.padStart(6, "0");
    const file = `${this.#folder}/${name}.jpg`;
    await Deno.writeFile(file, this.#rasteriser.paint(scene, "jpeg")).catch(
      cannot(`write ${file}`),
    );
  }
}
