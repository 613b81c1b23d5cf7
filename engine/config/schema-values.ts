import { z } from 'zod';
import { BYTE_SIZE_FORM, parseByteCount, parseByteSize } from './byte-size.js';
import type { Parsed } from './parsed.js';

/** Kinds of values that several parts of the schema have. `error` is the phrase that completes "expected …". */

/** A text that one of our parsers reads; the parser's sentence becomes the issue's message. */
export function parsedText<T>(form: string, parse: (text: string) => Parsed<T>) {
  return z.string({ error: form }).transform((text, context): T => {
    const parsed = parse(text);
    if (parsed.fault === undefined) return parsed.value;
    context.addIssue({ code: 'custom', message: parsed.fault });
    return z.NEVER;
  });
}

export function wholeNumber(min: number, max: number) {
  const error = `a whole number from ${min} to ${max}`;
  return z.int({ error }).min(min, { error }).max(max, { error });
}

export const flag = z.boolean({ error: 'true or false' });

/** Bytes as a number or as text with a unit. */
export const byteSize = z.union([z.number(), z.string()], { error: BYTE_SIZE_FORM }).transform((value, context): number => {
  const parsed = typeof value === 'number' ? parseByteCount(value) : parseByteSize(value);
  if (parsed.fault === undefined) return parsed.value;
  context.addIssue({ code: 'custom', message: parsed.fault });
  return z.NEVER;
});
