import { z } from 'zod';
import { didYouMean } from './did-you-mean.js';
import { describeFound } from './parsed.js';
import type { ConfigPath, ConfigProblem } from './problem.js';

/**
 * Reads a raw document along a schema and keeps what is right beside what is wrong: one bad key of one item must not hide that another item is there
 * twice. A plain `safeParse` would answer nothing at all then. Everything wrong is pushed to `problems`; lists keep their indexes.
 */
export function readBySchema(schema: z.core.$ZodType, raw: unknown, problems: ConfigProblem[], shapeOf: ShapeOf = ({ shape }) => shape): unknown {
  return readNode(schema, raw, [], { problems, shapeOf });
}

/** The keys of a mapping where they follow from what stands in it. */
export type ShapeOf = (schema: z.ZodObject, raw: Readonly<Record<string, unknown>>) => z.core.$ZodShape;

interface Reading {
  readonly problems: ConfigProblem[];
  readonly shapeOf: ShapeOf;
}

function readNode(schema: z.core.$ZodType, raw: unknown, path: ConfigPath, reading: Reading): unknown {
  if (schema instanceof z.ZodOptional) return raw === undefined ? undefined : readNode(schema.unwrap(), raw, path, reading);
  if (schema instanceof z.ZodObject && isMapping(raw)) return readMapping(reading.shapeOf(schema, raw), raw, path, reading);
  if (schema instanceof z.ZodArray && Array.isArray(raw) && raw.length > 0) {
    const { element } = schema;
    return raw.map((item, index) => readNode(element, item, [...path, index], reading));
  }
  if (schema instanceof z.ZodUnion && (Array.isArray(raw) || typeof raw === 'string')) {
    // One or a list of them: the form that was chosen says best what is wrong with it.
    const chosen = schema.options.find((option) => option instanceof z.ZodArray === Array.isArray(raw));
    if (chosen !== undefined && schema.options.some((option) => option instanceof z.ZodArray)) return readNode(chosen, raw, path, reading);
  }
  const result = z.safeParse(schema, raw);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  if (issue !== undefined)
    reading.problems.push({ code: 'CONFIG_INVALID', path, at: 'value', message: isSecret(path) ? secretSentence(issue, raw) : sentence(issue, raw) });
  return undefined;
}

function readMapping(shape: z.core.$ZodShape, raw: Record<string, unknown>, path: ConfigPath, reading: Reading): Record<string, unknown> {
  const draft: Record<string, unknown> = {};
  const knownKeys = Object.keys(shape);
  for (const key of Object.keys(raw)) {
    if (Object.hasOwn(shape, key)) continue;
    reading.problems.push({ code: 'CONFIG_INVALID', path: [...path, key], at: 'key', message: `unknown key${didYouMean(key, knownKeys)}` });
  }
  for (const [key, schema] of Object.entries(shape)) {
    const value = readNode(schema, Object.hasOwn(raw, key) ? raw[key] : undefined, [...path, key], reading);
    if (value !== undefined) draft[key] = value;
  }
  return draft;
}

function isMapping(raw: unknown): raw is Record<string, unknown> {
  return typeof raw === 'object' && raw !== null && !Array.isArray(raw);
}

/** Where somebody may have written a secret itself. */
function isSecret(path: ConfigPath): boolean {
  return path.at(-1) === 'secret' || (path.at(-1) === 'env' && path.at(-2) === 'secret');
}

/** What was found is not repeated: messages end up in logs. */
function secretSentence(issue: z.core.$ZodIssue, raw: unknown): string {
  if (raw === undefined) return sentence(issue, raw);
  return `expected ${issue.message}, found something else; a secret itself does not belong into the configuration`;
}

function sentence(issue: z.core.$ZodIssue, raw: unknown): string {
  // Our own parsers write whole sentences, the schema only what it expected.
  if (issue.code === 'custom' && issue.message.startsWith('expected ')) return issue.message;
  if (raw === undefined) return `missing; expected ${issue.message}`;
  return `expected ${issue.message}, found ${found(issue, raw)}`;
}

function found(issue: z.core.$ZodIssue, raw: unknown): string {
  if (Array.isArray(raw) && raw.length === 0) return 'an empty list';
  if (issue.code === 'invalid_value' && typeof raw === 'string') {
    return (
      describeFound(raw) +
      didYouMean(
        raw,
        issue.values.filter((value) => typeof value === 'string'),
      )
    );
  }
  // YAML reads a bare 123 as a number and true as a boolean, however much they look like a serial number.
  const unquoted = issue.code === 'invalid_type' && issue.expected === 'string' && (typeof raw === 'number' || typeof raw === 'boolean');
  return unquoted ? `the ${typeof raw} ${raw}; put it in quotes` : describeFound(raw);
}
