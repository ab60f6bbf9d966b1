import { type Connection, reasonOf, type Tracks } from "../../sdk/mod.ts";
import { announce } from "../ui/announce.ts";
import { mention } from "../ui/banner.ts";
import type { Size } from "../stage/frame_view.ts";
import { labelOf } from "../stage/lost_shapes.ts";

/** Undoes an edit; `now` takes a place of then to where it is in the frames of now. */
type Undo = (now: (place: Place) => Place) => void | Promise<void>;

export type Place = [x: number, y: number];
export type Polygon = Place[];

/** What was done, and what of it a later session knows: ids begin anew in each, regions live on. */
interface Done {
  undo: Undo;
  size: Size;
  about: "points" | "regions";
}

/**
 * What the user does to the tracking, and undoing it. Places are frame pixels;
 * regions keep their place in the picture when the frames' size changes.
 */
export class Edits {
  /** Tracking is kept inside these; even-odd where they overlap, as on the wire. */
  regions: Polygon[] = [];
  /** Those that the server took last. */
  #inForce: Polygon[] = [];
  #connection: Connection | undefined;
  #latest: Tracks | undefined;
  #undo: Done[] = [];
  /** Ids of points that came back, by those they had before. */
  #returned = new Map<number, number>();
  /** Points that were added and not seen alive yet, by their ids. */
  #added = new Map<number, Place>();

  /** @param changed called when the regions changed */
  constructor(readonly changed: () => void) {}

  /** Whether there is a tracking to edit: a replay has none, nor has an idle page. */
  get arePossible(): boolean {
    return this.#connection !== undefined;
  }

  get canUndo(): boolean {
    return this.#undo.length > 0;
  }

  /** Edits go over this connection, from nothing; without one nothing can be edited. */
  attach(connection: Connection | undefined): void {
    this.#connection = connection;
    this.forget();
  }

  /** Another scene: regions and what could be undone belong to the one before. */
  forget(): void {
    this.#undo = [];
    this.#forgetIds();
    this.#latest = undefined;
    this.#inForce = [];
    if (this.regions.length > 0) void this.#setRegions([]);
    this.changed();
  }

  /** Another session: what was done to points can no longer be undone. */
  newSession(): void {
    this.#undo = this.#undo.filter(({ about }) => about === "regions");
    this.#forgetIds();
    this.changed();
  }

  /** Frames may come in another size, and a point that was added may be lost at once. */
  result(tracks: Tracks): void {
    this.#tellLostAtOnce(tracks);
    const before = this.#latest;
    this.#latest = tracks;
    if (!before || before.width === tracks.width && before.height === tracks.height) return;
    if (this.regions.length === 0) return;
    const now = scaling(before, tracks);
    void this.#setRegions(this.regions.map((polygon) => polygon.map(now)));
  }

  async add(place: Place): Promise<void> {
    const ids = await this.#try((connection) => connection.add([place]));
    if (!ids) return;
    announce(`Point added at ${spoken(place)}`);
    this.#added.set(ids[0], place);
    this.#did("points", () => {
      this.#added.delete(ids[0]);
      this.#connection?.remove(ids.map((id) => this.#idNow(id)));
      announce("Added point removed");
    });
  }

  remove(id: number, place: Place): void {
    this.#connection?.remove([id]);
    announce(`Point removed at ${spoken(place)}`);
    this.#did("points", (now) => this.#bringBack([id], [now(place)]));
  }

  addRegion(polygon: Polygon): void {
    const text = `Region of ${polygon.length} corners: points are kept inside`;
    void this.#changeRegions([...this.regions, polygon], text);
  }

  clearRegions(): void {
    if (this.regions.length === 0) return mention("There are no regions");
    void this.#changeRegions([], "Regions removed: points are kept everywhere");
  }

  /** Ends all points and finds new ones. */
  clear(): void {
    if (!this.#latest) return mention("There are no points yet");
    const { id, xy } = this.#latest.points;
    const places = Array.from(id, (_, i): Place => [xy[2 * i], xy[2 * i + 1]]);
    this.#connection?.clear();
    this.#added.clear();
    announce("All points cleared");
    this.#did("points", (now) => {
      this.#connection?.clear(); // of those found since
      return this.#bringBack([...id], places.map(now));
    });
  }

  async undo(): Promise<void> {
    const last = this.#undo.pop();
    if (!last) return mention("There is nothing to undo");
    await last.undo(scaling(last.size, this.#latest!));
    this.changed();
  }

  /** Ended ids never come back; new points at their places do. */
  async #bringBack(ids: number[], places: Place[]): Promise<void> {
    const added = await this.#try((connection) => connection.add(places));
    if (!added) return;
    for (const [i, id] of ids.entries()) this.#returned.set(id, added[i]);
    announce(ids.length === 1 ? "Removed point added again" : `${ids.length} points added again`);
  }

  #idNow(id: number): number {
    const returned = this.#returned.get(id);
    return returned === undefined ? id : this.#idNow(returned);
  }

  #forgetIds(): void {
    this.#returned.clear();
    this.#added.clear();
  }

  /** Such a point was never seen, so that no flash tells of it. */
  #tellLostAtOnce({ points, lost }: Tracks): void {
    if (this.#added.size === 0) return;
    for (const [i, id] of lost.id.entries()) {
      const place = this.#added.get(id);
      if (!place) continue;
      const reason = labelOf(reasonOf(lost.reason[i]));
      mention(`The point added at ${spoken(place)} was lost at once: ${reason}`);
    }
    for (const id of [...lost.id, ...points.id]) this.#added.delete(id);
  }

  #did(about: Done["about"], undo: Undo): void {
    if (!this.#latest) return; // another scene has begun meanwhile
    this.#undo.push({ undo, size: this.#latest, about });
    this.changed();
  }

  async #changeRegions(regions: Polygon[], text: string): Promise<void> {
    const before = this.regions;
    this.#did("regions", (now) => {
      void this.#setRegions(before.map((polygon) => polygon.map(now)));
      announce(before.length === 0 ? "No region any more" : `${before.length} regions again`);
    });
    const done = this.#undo.at(-1);
    if (await this.#setRegions(regions)) return announce(text);
    this.#undo = this.#undo.filter((each) => each !== done);
    this.changed();
  }

  /** Regions that the server refuses are not in force, and not shown. @returns whether it took them */
  async #setRegions(regions: Polygon[]): Promise<boolean> {
    this.regions = regions;
    const answer = this.#try((connection) => connection.mask(regions));
    this.changed();
    if (await answer !== undefined) {
      this.#inForce = regions;
      return true;
    }
    if (this.regions === regions) this.regions = this.#inForce; // else changed meanwhile
    this.changed();
    return false;
  }

  async #try<T>(ask: (connection: Connection) => Promise<T>): Promise<T | undefined> {
    const connection = this.#connection;
    if (!connection) return undefined;
    try {
      return await ask(connection);
    } catch (error) {
      if (connection === this.#connection) mention((error as Error).message);
      return undefined;
    }
  }
}

/** Takes a place in frames of one size to the same place of the picture in those of another. */
function scaling(from: Size, to: Size): (place: Place) => Place {
  const sx = to.width / from.width, sy = to.height / from.height;
  return ([x, y]) => [(x + 0.5) * sx - 0.5, (y + 0.5) * sy - 0.5];
}

export function spoken([x, y]: Place): string {
  return `${Math.round(x)}, ${Math.round(y)}`;
}
