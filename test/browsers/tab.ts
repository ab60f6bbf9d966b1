/** A page in whichever browser, as far as the checks need it. */
export interface Tab {
  goto(url: string): Promise<void>;
  /** Evaluates this text in the page; a promise is awaited. What comes back is JSON. */
  evaluate(expression: string): Promise<unknown>;
  /** By mouse, or by finger where that is what the device has. */
  click(selector: string): Promise<void>;
  /** Mouse or finger down at the first place of the window, and up at the last. */
  drag(...places: Place[]): Promise<void>;
  /** PNG. */
  screenshot(): Promise<Uint8Array>;
}

export type Place = { x: number; y: number };

/** A browser that runs. */
export interface OpenBrowser {
  version: string;
  /** Whether it is used by finger. */
  hasTouch: boolean;
  tab: Tab;
  close(): Promise<void>;
}

/** A browser that may be on this machine. */
export interface BrowserKind {
  name: string;
  /** What to do where it cannot be found. */
  missing: string;
  /** Undefined where it is not there. */
  open(): Promise<OpenBrowser | undefined>;
}

/** What `work` comes to in the page, given `argument`. It is sent as text: it may use nothing else. */
export async function run<T, A>(
  tab: Tab,
  work: (argument: A) => T | Promise<T>,
  argument?: A,
): Promise<T> {
  return await tab.evaluate(`(${work})(${JSON.stringify(argument)})`) as T;
}

const LOOK_MS = 200;

/** Waits until `work` comes to something true. */
export async function until<A>(
  tab: Tab,
  work: (argument: A) => unknown,
  argument?: A,
  withinMs = 30_000,
): Promise<void> {
  for (const end = performance.now() + withinMs; performance.now() < end;) {
    if (await tab.evaluate(`Boolean((${work})(${JSON.stringify(argument)}))`)) return;
    await new Promise((done) => setTimeout(done, LOOK_MS));
  }
  throw new Error(`not within ${withinMs / 1000} s: ${work}`.replaceAll(/\s+/g, " "));
}

/** The first of these paths at which there is a file; that of the variable, if it is set. */
export function findProgram(variable: string, paths: string[]): string | undefined {
  const named = Deno.env.get(variable);
  return (named ? [named] : paths).find((path) => {
    try {
      return Deno.statSync(path).isFile;
    } catch {
      return false;
    }
  });
}
