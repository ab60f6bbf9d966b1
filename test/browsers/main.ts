/**
 * Tries what matters in each browser that is on this machine, and prints a table.
 * With `--write`, docs/page.md has the table; with `--minutes N`, each browser is live for so long
 * first, and what it takes is printed.
 */
import { parseArgs } from "node:util";
import { screenshotPath } from "../lib/browser.ts";
import { CHECKS, openSite, type Site, tried } from "./checks.ts";
import { chromium } from "./chromium.ts";
import { firefox } from "./firefox.ts";
import { stayLive } from "./stay_live.ts";
import { type Outcome, writeTable } from "./table.ts";
import type { BrowserKind } from "./tab.ts";
import { webkit } from "./webkit.ts";

const KINDS = [chromium("desktop"), chromium("phone"), firefox, webkit];

const { values: { write, minutes, only } } = parseArgs({
  args: Deno.args,
  options: {
    write: { type: "boolean", default: false },
    minutes: { type: "string", default: "0" },
    only: { type: "string" },
  },
});

const outcomes: Outcome[] = [];
const site = await openSite();
try {
  for (const kind of KINDS.filter(({ name }) => !only || name === only)) {
    const outcome = await tryBrowser(kind, site);
    if (outcome) outcomes.push(outcome);
  }
} finally {
  await site.close();
}
if (write) await writeTable(outcomes);

async function tryBrowser(kind: BrowserKind, site: Site): Promise<Outcome | undefined> {
  const browser = await kind.open();
  if (!browser) {
    console.log(`${kind.name} is not here, and was not tried: ${kind.missing}`);
    if (Deno.env.get("CI_BROWSERS") === "1") Deno.exitCode = 1;
    return undefined;
  }
  console.log(`${kind.name} ${browser.version}`);
  const results = new Map<string, string>();
  try {
    for (const [name, check] of Object.entries(CHECKS)) {
      try {
        results.set(name, await tried(check, browser, site));
      } catch (error) {
        Deno.exitCode = 1;
        results.set(name, "**no**");
        console.log((error as Error).message);
        const path = await screenshotPath(`${kind.name} ${name}`.replaceAll(/\W+/g, "-"));
        await browser.tab.screenshot().then((png) => Deno.writeFile(path, png)).catch(() => {});
      }
      console.log(`  ${name}: ${results.get(name)}`);
    }
    if (Number(minutes) > 0) await stayLive(browser, site.server.url, Number(minutes));
  } finally {
    await browser.close();
  }
  return { name: kind.name, version: browser.version, results };
}
