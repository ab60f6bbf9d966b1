import chromium from "@sparticuz/chromium";
import { type Browser, chromium as playwright } from "playwright-core";

/** A name of this machine that browsers, other than localhost, do not trust with a camera. */
export const INSECURE_HOST = "insecure.test";

/** Where screenshots are kept; git ignores it. */
export const ARTIFACTS = new URL("../../artifacts/", import.meta.url);

/**
 * Starts the Chromium that comes inside an npm package, with a fake camera that
 * it may use without asking.
 *
 * @param camera a clip to play as the camera (MJPEG or Y4M); Chromium's own moving figure by default
 */
export async function startBrowser(camera?: string): Promise<Browser> {
  try {
    return await playwright.launch({
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
