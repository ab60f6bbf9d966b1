/** Notes an event with its fields. Tokens never appear in a field. */
export type Log = (event: string, fields?: Record<string, string | number>) => void;

/** One line an event on standard error: time, event, fields as key=value. */
export const logToStderr: Log = (event, fields = {}) => {
  const text = Object.entries(fields).map(([key, value]) => ` ${key}=${JSON.stringify(value)}`);
  console.error(`${new Date().toISOString()} ${event}${text.join("")}`);
};
