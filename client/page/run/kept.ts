import { keepSaying } from "../ui/banner.ts";

/**
 * Has the browser keep the page for when the server is away, and says that it is where the page came
 * from there. Browsers keep pages of secure addresses alone.
 */
export async function keepForLater(): Promise<void> {
  try {
    await navigator.serviceWorker?.register("/service-worker.js");
  } catch { // as of a certificate that is not trusted
    return;
  }
  if (!navigator.serviceWorker?.controller) return; // this page came from the server
  const isThere = await fetch("/healthz").then(({ ok }) => ok, () => false);
  if (!isThere) keepSaying("The server is away: this page was kept. Start waits for the server");
}
