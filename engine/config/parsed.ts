/**
 * What the parsers of configuration values answer: a value, or a sentence that says what was expected and found.
 * Faults are values because the reader collects all of them before anyone throws.
 */
export type Parsed<T> = { readonly value: T; readonly fault?: never } | { readonly fault: string; readonly value?: never };

/** Longest piece of a user's text that a message repeats. */
const QUOTED_LENGTH_MAX = 80;

export function fault(message: string): { readonly fault: string } {
  return { fault: message };
}

/** The text in quotes, with control characters escaped so that a message stays on its line. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > QUOTED_LENGTH_MAX ? `${text.slice(0, QUOTED_LENGTH_MAX)}…` : text);
}

/** What stands in the configuration, in words for a message. */
export function describeFound(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  if (typeof value === 'string') return quoted(value);
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a mapping';
  return String(value);
}
