/** Notes an event with its fields. Tokens never appear in a field. */
export type Log = (event: string, fields?: Record<string, string | number>) => void;

/** One line an event on standard error: time, event, fields as key=value. */
export const logText: Log = (event, fields = {}) => {
  const text = Object.entries(fields).map(([key, value]) => ` ${key}=${JSON.stringify(value)}`);
  console.error(`${new Date().toISOString()} ${event}${text.join("")}`);
};

/** One line an event on standard error: an object with time, event and the fields. */
export const logJson: Log = (event, fields = {}) => {
  console.error(JSON.stringify({ time: new Date().toISOString(), event, ...fields }));
};
