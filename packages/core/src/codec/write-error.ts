import type { Writer } from './writer.js';

/** Properties of an error that are stored by name, whether or not they are enumerable. */
const NAMED_PARTS: readonly string[] = ['name', 'message', 'stack', 'cause'];

/** Hidden properties of AggregateError and SuppressedError; where enumerable they are ordinary properties. */
const HIDDEN_PARTS: readonly string[] = ['errors', 'error', 'suppressed'];

/** Parts that an outline cuts where it would leave out others. */
const CUT_PARTS: readonly string[] = ['name', 'message', 'stack'];

/** Characters of a property's name that an outline takes. */
const MAX_OUTLINE_NAME = 32;

/** An error being written: keeps the names of the properties that have to be left out. */
interface ErrorWriting {
  readonly writer: Writer;
  readonly error: Error;
  readonly depth: number;
  readonly dropped: string[];
}

/** What an outline keeps of a part whose text is too long: the start of a message or stack, nothing of others. */
function cut(limit: number, key: string, value: unknown): string | undefined {
  if (typeof value !== 'string' || !CUT_PARTS.includes(key)) return undefined;
  const half = JSON.stringify(`${value.slice(0, limit / 2)}…`);
  return half.length <= limit ? half : JSON.stringify(`${value.slice(0, limit / 8)}…`);
}

/** The text of one property. In lenient mode undefined for what cannot be read or stored, or does not fit. */
function writePart(writing: ErrorWriting, key: string): string | undefined {
  const { writer, error, depth, dropped } = writing;
  const { lenient, outline } = writer.options;
  writer.at(key, depth);
  try {
    const value: unknown = Reflect.get(error, key);
    const text = writer.write(value, depth + 1);
    if (outline === undefined || text.length <= outline.partLength) return text;
    const start = cut(outline.partLength, key, value);
    if (start !== undefined) return start;
  } catch (problem) {
    if (!lenient) throw problem;
  }
  dropped.push(key);
  return undefined;
}

/** The stack, if it is text: what else can stand there says nothing after a replay. */
function stackKeys(error: Error): readonly string[] {
  try {
    return typeof error.stack === 'string' ? ['stack'] : [];
  } catch {
    return []; // A getter of the user's own; its failure must not hide the error.
  }
}

function hiddenKeys(error: Error): readonly string[] {
  return HIDDEN_PARTS.filter(
    (key) => Object.getOwnPropertyDescriptor(error, key)?.enumerable === false,
  );
}

/** Own enumerable properties; an outline takes the first of them that have short names. */
function ownKeys({ writer, error, dropped }: ErrorWriting): readonly string[] {
  const keys = Object.keys(error).filter((key) => !NAMED_PARTS.includes(key));
  const { outline } = writer.options;
  if (outline === undefined) return keys;
  const short = keys.filter((key) => key.length <= MAX_OUTLINE_NAME);
  dropped.push(...short.slice(outline.maxProps, 2 * outline.maxProps));
  return short.slice(0, outline.maxProps);
}

/** The parts that are there besides name and message, in the order of the text. */
function namedKeys(error: Error): readonly string[] {
  const cause = Object.hasOwn(error, 'cause') ? ['cause'] : [];
  return [...stackKeys(error), ...cause, ...hiddenKeys(error)];
}

/**
 * The text of an error: the nearest known class, name, message, stack, cause and own enumerable properties. In lenient
 * mode properties that cannot be stored are left out and listed under `dropped`; otherwise they are refused.
 */
export function writeError(writer: Writer, error: Error, depth: number): string {
  const { lenient, registry } = writer.options;
  if (!lenient) writer.checkSymbols(error, depth);
  const writing: ErrorWriting = { writer, error, depth, dropped: [] };
  const className = registry.errorName(error);
  let text = className === undefined ? '' : `"class":${JSON.stringify(className)},`;
  text += `"name":${writePart(writing, 'name') ?? '"Error"'},`;
  text += `"message":${writePart(writing, 'message') ?? '""'}`;
  for (const key of namedKeys(error)) {
    const part = writePart(writing, key);
    if (part !== undefined) text += `,"${key}":${part}`;
  }
  let props = '';
  for (const key of ownKeys(writing)) {
    const part = writePart(writing, key);
    if (part !== undefined) props += `${props === '' ? '' : ','}${JSON.stringify(key)}:${part}`;
  }
  if (props !== '') text += `,"props":{${props}}`;
  if (writing.dropped.length > 0) text += `,"dropped":${JSON.stringify(writing.dropped)}`;
  return `{"$error":{${text}}}`;
}
