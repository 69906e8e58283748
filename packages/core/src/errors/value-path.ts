/** One step into a value: a property name, an index, or ready-made text such as `.keys()[0]`. */
export type PathSegment = string | number | { readonly text: string };

const IDENTIFIER = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u;
const MAX_SHOWN = 12;

function formatSegment(segment: PathSegment): string {
  if (typeof segment === 'object') return segment.text;
  if (typeof segment === 'number') return `[${segment}]`;
  return IDENTIFIER.test(segment) ? `.${segment}` : `[${JSON.stringify(segment.slice(0, 80))}]`;
}

/** A path as JavaScript would write it, `$.items[3].fn`; the middle of a very long one is left out. */
export function formatPath(segments: readonly PathSegment[], root = '$'): string {
  const shown =
    segments.length <= 2 * MAX_SHOWN
      ? segments
      : [
          ...segments.slice(0, MAX_SHOWN),
          { text: ` … ${segments.length - 2 * MAX_SHOWN} levels … ` },
          ...segments.slice(-MAX_SHOWN),
        ];
  const path = root + shown.map(formatSegment).join('');
  return root === '' && path.startsWith('.') ? path.slice(1) : path;
}
