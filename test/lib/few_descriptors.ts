/** A server whose process holds almost all its descriptors. It answers a line on standard input, and at its end lets them go. */
import { serve } from "../../server/http/server.ts";
import { DEFAULT_LIMITS } from "../../server/limits.ts";
import { ScriptedEngine } from "./scripted.ts";

// as main.ts listens to some: Deno ends in a panic where it begins to without descriptors
Deno.addSignalListener("SIGUSR1", () => {});
const server = await serve({
  host: "127.0.0.1",
  port: 0,
  engine: new ScriptedEngine(() => []),
  limits: DEFAULT_LIMITS,
  token: null,
  allowOrigins: [],
  log: () => {},
});
const held: Deno.FsFile[] = [];
try {
  for (;;) held.push(Deno.openSync("/dev/null"));
} catch {
  for (let few = 0; few < 4; few++) held.pop()!.close(); // else Deno itself ends in a panic
  console.log(server.url);
}
while (await Deno.stdin.read(new Uint8Array(1)) !== null) console.log("turned");
for (const file of held) file.close();
