import { existsSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import chromium from "@sparticuz/chromium";
import {
  type Browser,
  type BrowserContextOptions,
  type BrowserServer,
  chromium as playwright,
  type Page,
} from "playwright-core";

/** A name of this machine that browsers, other than localhost, do not trust with a camera. */
export const INSECURE_HOST = "insecure.test";

/** Where screenshots are kept; git ignores it. */
export const ARTIFACTS = new URL("../../artifacts/", import.meta.url);

/** Where the package lays the fonts that come with its browser. */
const FONTS = join(tmpdir(), "fonts");

/** The address of the browser that a run of many files shares; see test/run.ts. */
export const SHARED_BROWSER = "SHARED_BROWSER";

/** The browser that all files share, else one of its own; closing it closes the caller's pages alone. */
export function openBrowser(): Promise<Browser> {
  const shared = Deno.env.get(SHARED_BROWSER);
  return shared ? playwright.connect(shared) : startBrowser();
}

/**
 * Starts the Chromium that comes inside an npm package, with a fake camera that
 * it may use without asking.
 *
 * @param camera a clip to play as the camera (MJPEG or Y4M); Chromium's own moving figure by default
 */
export function startBrowser(camera?: string): Promise<Browser> {
  return started((options) => playwright.launch(options), camera);
}

/** Starts the same browser for several processes, each of which connects to its `wsEndpoint()`. */
export function serveBrowser(): Promise<BrowserServer> {
  return started((options) => playwright.launchServer(options));
}

async function started<T>(
  launch: (options: {
    executablePath: string;
    env: Record<string, string>;
    ignoreDefaultArgs: string[];
    args: string[];
  }) => Promise<T>,
  camera?: string,
): Promise<T> {
  try {
    const executablePath = await chromium.executablePath();
    return await launch({
      executablePath,
      // on a machine without fonts a page ends its browser
      env: {
        ...Deno.env.toObject(),
        ...(existsSync(`${FONTS}/fonts.conf`) ? { FONTCONFIG_PATH: FONTS } : {}),
      },
      // which has pictures go between processes by files on the disk
      ignoreDefaultArgs: hasSharedMemory() ? ["--disable-dev-shm-usage"] : [],
      args: [
        "--no-sandbox", // tests may run as root
        "--disable-gpu", // a software GPU is slower than none
        "--disable-quic",
        `--host-resolver-rules=MAP ${INSECURE_HOST} 127.0.0.1`,
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream=fps=15",
        ...(camera ? [`--use-file-for-fake-video-capture=${camera}`] : []),
      ],
    });
  } catch (error) {
    throw new Error(
      `Cannot start Chromium: ${(error as Error).message}\n` +
        "The browser comes with @sparticuz/chromium and needs a 64-bit x86 Linux with " +
        "libnss3 and libnspr4 (Debian: apt-get install libnss3 libnspr4).",
    );
  }
}

/** Whether /dev/shm holds what Chromium shares; a container's, of 64 MB, does not. */
function hasSharedMemory(): boolean {
  try {
    const { bavail, bsize } = statfsSync("/dev/shm");
    return bavail * bsize > 1 << 30;
  } catch {
    return false; // there is none
  }
}

/** What a page's screen takes for one picture: it shows about 15 a second. */
const SCREEN_MS = 50;

/**
 * A page in a session of its own, before a slow screen: to draw 60 times a second what no test looks
 * at would take most of a run's processor time. It keeps nothing for later, which would have each
 * test fetch all files twice.
 */
export async function openPage(browser: Browser, context: BrowserContextOptions): Promise<Page> {
  const page = endInTime(await browser.newPage({ serviceWorkers: "block", ...context }));
  await page.addInitScript(slowScreen, SCREEN_MS);
  return page;
}

/** What a page is given in all, and each wait in it. */
const DEADLINE_MS = 300_000;

/**
 * Closes the page, if nobody has, after more time than a busy machine needs for anything: what waits
 * in it fails then. How long something takes is for bench/page.ts to say.
 */
export function endInTime(page: Page): Page {
  page.setDefaultTimeout(DEADLINE_MS);
  const deadline = setTimeout(() => page.close(), DEADLINE_MS);
  page.once("close", () => clearTimeout(deadline));
  return page;
}

/** Lets this time pass before each repaint that the page asks for. */
function slowScreen(ms: number): void {
  const { requestAnimationFrame, cancelAnimationFrame } = globalThis;
  const asked = new Map<number, () => void>();
  let handle = 0;
  globalThis.requestAnimationFrame = (repaint) => {
    const mine = ++handle;
    const timer = setTimeout(() => {
      const frame = requestAnimationFrame((now) => {
        asked.delete(mine);
        repaint(now);
      });
      asked.set(mine, () => cancelAnimationFrame(frame));
    }, ms);
    asked.set(mine, () => clearTimeout(timer));
    return mine;
  };
  globalThis.cancelAnimationFrame = (handle) => {
    asked.get(handle)?.();
    asked.delete(handle);
  };
}

/** The path of a screenshot by this name. */
export async function screenshotPath(name: string): Promise<string> {
  await Deno.mkdir(ARTIFACTS, { recursive: true });
  return fileURLToPath(new URL(`${name}.png`, ARTIFACTS));
}
