import { type OpenBrowser, run, until } from "./tab.ts";

const SAMPLES = 6;

/** Follows the sample for so many minutes; prints memory and latency as they go. */
export async function stayLive({ tab }: OpenBrowser, url: string, minutes: number): Promise<void> {
  await tab.goto(`${url}/?governor=off&source=sample&autostart=1`);
  await until(tab, () => Number(document.querySelector("#points")!.textContent) > 20);
  for (let i = 0; i <= SAMPLES; i++) {
    if (i > 0) await new Promise((done) => setTimeout(done, minutes * 60_000 / SAMPLES));
    const shown = await run(tab, () => ({
      state: document.querySelector("#state")!.textContent,
      rtt: document.querySelector("#rtt")!.textContent!.replace("\n", ", "),
      fps: document.querySelector("#fps-out")!.textContent,
    }));
    const seconds = Math.round(i * minutes * 60 / SAMPLES);
    const megabytes = Math.round(await memory() / 2 ** 20);
    const { state, rtt, fps } = shown;
    console.log(
      `  after ${seconds} s: ${megabytes} MB, ${state}, ${rtt}, ${fps} answered a second`,
    );
  }
}

/** Bytes of all processes that this one started, shared ones in parts; the server is among them. */
async function memory(): Promise<number> {
  const parents = new Map<number, number>();
  for await (const { name } of Deno.readDir("/proc")) {
    const stat = /^\d+$/.test(name) &&
      await Deno.readTextFile(`/proc/${name}/stat`).catch(() => "");
    if (stat) {
      parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]));
    }
  }
  const isOurs = (pid: number): boolean => {
    const parent = parents.get(pid);
    return parent === Deno.pid || parent !== undefined && isOurs(parent);
  };
  const sizes = [...parents.keys()].filter(isOurs).map(async (pid) => {
    const rollup = await Deno.readTextFile(`/proc/${pid}/smaps_rollup`).catch(() => "");
    return 1024 * Number(/^Pss:\s+(\d+)/m.exec(rollup)?.[1] ?? 0);
  });
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}
