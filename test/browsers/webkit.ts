import { freePort } from "../lib/free_port.ts";
import { type BrowserKind, findProgram, type Place, type Tab } from "./tab.ts";

/** WebKitGTK is the engine of Safari, as far as there is one for Linux. Its small browser needs a screen. */
export const webkit: BrowserKind = {
  name: "WebKitGTK",
  missing: "apt-get install webkit2gtk-driver xvfb, or set WEBKIT_DRIVER and XVFB to the programs",
  async open() {
    const driver = findProgram("WEBKIT_DRIVER", ["/usr/bin/WebKitWebDriver"]);
    const xvfb = findProgram("XVFB", ["/usr/bin/Xvfb"]);
    const binary = findProgram("WEBKIT_BROWSER", [
      "/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser",
      "/usr/lib/x86_64-linux-gnu/webkit2gtk-4.0/MiniBrowser",
    ]);
    if (!driver || !xvfb || !binary) return undefined;
    const display = `:${freePort() % 1000 + 100}`;
    const port = freePort();
    const screen = spawn(xvfb, [display, "-screen", "0", "1400x1000x24"], {});
    const server = spawn(driver, [`--port=${port}`], {
      DISPLAY: display,
      WEBKIT_DISABLE_COMPOSITING_MODE: "1", // by software, that shows two frames a second
    });
    const stop = async () => {
      for (const child of [server, screen]) {
        child.kill();
        await child.status;
      }
    };
    try {
      const call = await caller(`http://127.0.0.1:${port}`);
      const { sessionId, capabilities } = await call("POST", "/session", {
        capabilities: { alwaysMatch: { "webkitgtk:browserOptions": { binary, args: ARGUMENTS } } },
      });
      const inSession: Call = (method, path, body) =>
        call(method, `/session/${sessionId}${path}`, body);
      await inSession("POST", "/window/rect", { width: 1280, height: 900 });
      return {
        version: capabilities.browserVersion.split(".").slice(0, 2).join("."),
        hasTouch: false,
        tab: new WebKitTab(inSession),
        async close() {
          await call("DELETE", `/session/${sessionId}`);
          await stop();
        },
      };
    } catch (error) {
      await stop();
      throw error;
    }
  },
};

const ARGUMENTS = [
  "--automation",
  "--enable-mock-capture-devices=true",
  "--enable-media-stream=true",
];

// deno-lint-ignore no-explicit-any -- answers are what WebDriver says they are
type Call = (method: string, path: string, body?: unknown) => Promise<any>;

function spawn(program: string, args: string[], env: Record<string, string>): Deno.ChildProcess {
  return new Deno.Command(program, { args, env, stdin: "null", stdout: "null", stderr: "null" })
    .spawn();
}

/** Calls a WebDriver at this address, once it listens. */
async function caller(address: string): Promise<Call> {
  const call: Call = async (method, path, body) => {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const response = await fetch(address + path, { method, body: text });
    const { value } = await response.json();
    if (!response.ok) throw new Error(`WebDriver ${path}: ${value.message}`);
    return value;
  };
  for (let tries = 50;; tries--) {
    try {
      await call("GET", "/status");
      return call;
    } catch (error) {
      if (tries === 0) throw error;
      await new Promise((done) => setTimeout(done, 100));
    }
  }
}

/** The key of an element's reference, by the standard. */
const ELEMENT = "element-6066-11e4-a52e-4f735466cecf";

class WebKitTab implements Tab {
  constructor(readonly call: Call) {}

  async goto(url: string) {
    await this.call("POST", "/url", { url });
  }

  /** Errors come back as a value: this driver knows no promise that fails. */
  async evaluate(expression: string) {
    const script = `const done = arguments[0];
      (async () => ({ value: await (${expression}) }))()
        .catch((error) => ({ error: String(error) })).then(done);`;
    const { value, error } = await this.call("POST", "/execute/async", { script, args: [] });
    if (error) throw new Error(error);
    return value;
  }

  async click(selector: string) {
    const element = `document.querySelector(${JSON.stringify(selector)})`;
    await this.evaluate(`${element}.scrollIntoView({ block: "end" })`); // the driver does not always
    const found = await this.call("POST", "/element", { using: "css selector", value: selector });
    await this.call("POST", `/element/${found[ELEMENT]}/click`, {});
  }

  async drag(...places: Place[]) {
    const moves = places.map(({ x, y }) => ({
      type: "pointerMove",
      duration: 50,
      x: Math.round(x),
      y: Math.round(y),
    }));
    const actions = [
      moves[0],
      { type: "pointerDown", button: 0 },
      ...moves.slice(1),
      { type: "pointerUp", button: 0 },
    ];
    const pointer = { type: "pointer", id: "mouse", parameters: { pointerType: "mouse" }, actions };
    await this.call("POST", "/actions", { actions: [pointer] });
  }

  async screenshot() {
    return Uint8Array.from(atob(await this.call("GET", "/screenshot")), (c) => c.charCodeAt(0));
  }
}
