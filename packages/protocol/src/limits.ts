/** What a message may be before anybody parses it: parsing is what a hostile text attacks. */

/** Bounds of one message. */
export interface MessageLimits {
  /** UTF-8 bytes. */
  readonly maxBytes: number;
  /** Arrays and objects inside one another, the outermost included. */
  readonly maxDepth: number;
}

/** 8 MiB: two values of core's largest size, with room for the escapes that JSON in JSON takes. Depth 32. */
export const DEFAULT_LIMITS: MessageLimits = { maxBytes: 8 * 1024 * 1024, maxDepth: 32 };

/** Bytes of a text in UTF-8. */
export function byteLength(text: string): number {
  return Buffer.byteLength(text, 'utf8');
}

/** Whether a text takes more than a number of bytes. Does not read a text that is longer than that. */
export function isTooLarge(text: string, maxBytes: number): boolean {
  if (text.length > maxBytes) return true;
  // A UTF-16 code unit takes at most three bytes.
  return text.length * 3 > maxBytes && byteLength(text) > maxBytes;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/**
 * Whether arrays and objects of a JSON text lie deeper than allowed. Brackets in strings do not count. Ends at the first
 * bracket that is too deep; of a text that is no JSON the answer means nothing.
 */
export function isTooDeep(text: string, maxDepth: number): boolean {
  let depth = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfString(text, at);
    else if (isOpening(code)) {
      depth += 1;
      if (depth > maxDepth) return true;
    } else if (isClosing(code)) depth -= 1;
  }
  return false;
}

function isOpening(code: number): boolean {
  return code === 0x5b || code === 0x7b;
}

function isClosing(code: number): boolean {
  return code === 0x5d || code === 0x7d;
}

/** Index of the quote that ends the string which begins at `start`; the text's end if none does. */
function endOfString(text: string, start: number): number {
  let at = start;
  do {
    at = text.indexOf('"', at + 1);
    if (at === -1) return text.length;
  } while (isEscaped(text, at));
  return at;
}

function isEscaped(text: string, at: number): boolean {
  let backslashes = 0;
  while (text.charCodeAt(at - 1 - backslashes) === BACKSLASH) backslashes += 1;
  return backslashes % 2 === 1;
}
