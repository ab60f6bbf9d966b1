import chromium from "@sparticuz/chromium";
import { type Browser, type BrowserServer, chromium as playwright } from "playwright-core";

/** A name of this machine that browsers, other than localhost, do not trust with a camera. */
export const INSECURE_HOST = "insecure.test";

/** Where screenshots are kept; git ignores it. */
export const ARTIFACTS = new URL("../../artifacts/", import.meta.url);

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
  launch: (options: { executablePath: string; args: string[] }) => Promise<T>,
  camera?: string,
): Promise<T> {
  try {
    return await launch({
      executablePath: await chromium.executablePath(),
      args: [
        "--no-sandbox", // tests may run as root
        "--disable-gpu", // a software GPU is slower than none
        "--disable-quic",
        `--host-resolver-rules=MAP ${INSECURE_HOST} 127.0.0.1`,
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
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

/** The path of a screenshot by this name. */
export async function screenshotPath(name: string): Promise<string> {
  await Deno.mkdir(ARTIFACTS, { recursive: true });
  return new URL(`${name}.png`, ARTIFACTS).pathname;
}
