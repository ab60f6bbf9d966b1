/** Far more than a busy machine needs for anything that a test waits for. */
const DEADLINE_MS = 60_000;

const { setTimeout, clearTimeout } = globalThis; // the true ones, whatever clock a test has

/** What `work` comes to. @throws where that takes longer than `ms`: what waits for ever says nothing. */
export async function inTime<T>(work: Promise<T>, ms = DEADLINE_MS): Promise<T> {
  const late = Promise.withResolvers<never>();
  const deadline = setTimeout(() => late.reject(new Error(`Not done within ${ms} ms`)), ms);
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(deadline);
  }
}
