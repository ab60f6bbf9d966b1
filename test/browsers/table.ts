import { fileURLToPath } from "node:url";

const PAGE = new URL("../../docs/page.md", import.meta.url);
/** The table of the page lies between this line and the next empty one. */
const MARK = "<!-- made by deno task test:browsers --write -->\n\n";

/** What one browser did. */
export interface Outcome {
  name: string;
  version: string;
  /** Of each check: yes, no, or what it cannot. */
  results: Map<string, string>;
}

/** Puts a table of features and browsers into docs/page.md. */
export async function writeTable(outcomes: Outcome[]): Promise<void> {
  const features = [...outcomes[0].results.keys()];
  const rows = [
    ["", ...outcomes.map(({ name, version }) => `${name} ${version}`)],
    ["-", ...outcomes.map(() => "-")],
    ...features.map((
      feature,
    ) => [feature, ...outcomes.map(({ results }) => results.get(feature)!)]),
  ];
  const table = rows.map((row) => `| ${row.join(" | ")} |\n`).join("");
  const text = await Deno.readTextFile(PAGE);
  const [before, after] = text.split(MARK);
  const rest = after.slice(after.indexOf("\n\n") + 1);
  await Deno.writeTextFile(PAGE, before + MARK + table + rest);
  await new Deno.Command(Deno.execPath(), { args: ["fmt", "--quiet", fileURLToPath(PAGE)] })
    .output();
}
