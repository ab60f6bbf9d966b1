import type { Connection, Tracks } from "../sdk/mod.ts";
import { announce } from "./announce.ts";
import type { Size } from "./frame_view.ts";

/** Undoes an edit; `now` takes a place of then to where it is in the frames of now. */
type Undo = (now: (place: Place) => Place) => void | Promise<void>;

export type Place = [x: number, y: number];
export type Polygon = Place[];

/**
 * What the user does to the tracking, and undoing it. Places are frame pixels;
 * regions keep their place in the picture when the frames' size changes.
 */
export class Edits {
  /** Tracking is kept inside these; even-odd where they overlap, as on the wire. */
  regions: Polygon[] = [];
  #connection: Connection | undefined;
  #latest: Tracks | undefined;
  #undo: { undo: Undo; size: Size }[] = [];
  /** Ids of points that came back, by those they had before. */
  #returned = new Map<number, number>();

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
    this.#returned.clear();
    this.#latest = undefined;
    if (this.regions.length > 0) this.#setRegions([]);
    this.changed();
  }

  /** Frames may come in another size. */
  result(tracks: Tracks): void {
    const before = this.#latest;
    this.#latest = tracks;
    if (!before || before.width === tracks.width && before.height === tracks.height) return;
    if (this.regions.length === 0) return;
    const now = scaling(before, tracks);
    this.#setRegions(this.regions.map((polygon) => polygon.map(now)));
  }

  async add(place: Place): Promise<void> {
    const ids = await this.#try("add the point", (connection) => connection.add([place]));
    if (!ids) return;
    announce(`Point added at ${spoken(place)}`);
    this.#did(() => {
      this.#connection?.remove(ids.map((id) => this.#idNow(id)));
      announce("Added point removed");
    });
  }

  remove(id: number, place: Place): void {
    this.#connection?.remove([id]);
    announce(`Point removed at ${spoken(place)}`);
    this.#did((now) => this.#bringBack([id], [now(place)]));
  }

  addRegion(polygon: Polygon): void {
    this.#changeRegions([...this.regions, polygon]);
    announce(`Region of ${polygon.length} corners: points are kept inside`);
  }

  clearRegions(): void {
    if (this.regions.length === 0) return announce("There are no regions");
    this.#changeRegions([]);
    announce("Regions removed: points are kept everywhere");
  }

  /** Ends all points and finds new ones. */
  clear(): void {
    if (!this.#latest) return announce("There are no points yet");
    const { id, xy } = this.#latest.points;
    const places = Array.from(id, (_, i): Place => [xy[2 * i], xy[2 * i + 1]]);
    this.#connection?.clear();
    announce("All points cleared");
    this.#did((now) => {
      this.#connection?.clear(); // of those found since
      return this.#bringBack([...id], places.map(now));
    });
  }

  async undo(): Promise<void> {
    const last = this.#undo.pop();
    if (!last) return announce("There is nothing to undo");
    await last.undo(scaling(last.size, this.#latest!));
    this.changed();
  }

  /** Ended ids never come back; new points at their places do. */
  async #bringBack(ids: number[], places: Place[]): Promise<void> {
    const what = ids.length === 1 ? "point" : "points";
    const added = await this.#try(`bring the ${what} back`, (connection) => connection.add(places));
    if (!added) return;
    for (const [i, id] of ids.entries()) this.#returned.set(id, added[i]);
    announce(ids.length === 1 ? "Removed point added again" : `${ids.length} points added again`);
  }

  #idNow(id: number): number {
    const returned = this.#returned.get(id);
    return returned === undefined ? id : this.#idNow(returned);
  }

  #did(undo: Undo): void {
    if (!this.#latest) return; // another scene has begun meanwhile
    this.#undo.push({ undo, size: this.#latest });
    this.changed();
  }

  #changeRegions(regions: Polygon[]): void {
    const before = this.regions;
    this.#setRegions(regions);
    this.#did((now) => {
      this.#setRegions(before.map((polygon) => polygon.map(now)));
      announce(before.length === 0 ? "No region any more" : `${before.length} regions again`);
    });
  }

  #setRegions(regions: Polygon[]): void {
    this.regions = regions;
    void this.#try("set the regions", (connection) => connection.mask(regions));
    this.changed();
  }

  async #try<T>(what: string, ask: (connection: Connection) => Promise<T>): Promise<T | undefined> {
    const connection = this.#connection;
    if (!connection) return undefined;
    try {
      return await ask(connection);
    } catch (error) {
      if (connection === this.#connection) announce(`Cannot ${what}: ${(error as Error).message}`);
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
