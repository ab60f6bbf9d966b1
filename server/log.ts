import { Allowance } from "./session/allowance.ts";
import { Lines, type Sink } from "./lines.ts";

/** Notes an event with its fields. Tokens never appear in a field. */
export type Log = (event: string, fields?: Fields) => void;
type Fields = Record<string, string | number>;

export interface OpenLog {
  log: Log;
  /** Resolves when all lines are written, or after `ms`. */
  flush(ms: number): Promise<void>;
}

const FORMS = {
  /** Time, event, fields as key=value. */
  text(event: string, fields: Fields): string {
    const text = Object.entries(fields).map(([key, value]) => ` ${key}=${JSON.stringify(value)}`);
    return `${new Date().toISOString()} ${event}${text.join("")}`;
  },
  /** An object with time, event and the fields. */
  json(event: string, fields: Fields): string {
    return JSON.stringify({ time: new Date().toISOString(), event, ...fields });
  },
};

/** One line an event, on standard error by default; lines that nobody reads are dropped and counted. */
export function openLog(form: keyof typeof FORMS, sink: Sink = Deno.stderr): OpenLog {
  const format = FORMS[form];
  const lines = new Lines(sink, (count) => format("log_dropped", { lines: count }));
  return {
    log: (event, fields = {}) => lines.put(format(event, fields)),
    flush: (ms) => lines.flush(ms),
  };
}

/**
 * Logs no more than so many lines a second of each event, and as many at once:
 * clients cause them, and must not fill the disk. `unlogged` tells how many
 * there were since the line before that got none.
 */
export function limited(log: Log, perSecond: number): Log {
  const kinds = new Map<string, { allowance: Allowance; unlogged: number }>();
  return (event, fields) => {
    const kind = kinds.get(event) ?? { allowance: new Allowance(perSecond), unlogged: 0 };
    kinds.set(event, kind);
    if (!kind.allowance.take(performance.now())) {
      kind.unlogged++;
      return;
    }
    log(event, { ...fields, unlogged: kind.unlogged });
    kind.unlogged = 0;
  };
}
