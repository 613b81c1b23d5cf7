/**
 * Finds the names of tests in the source of a test file, so that a list can name tests without running them. A name is the first
 * argument of a call, or the second one behind a plain word: a literal, or a template whose holes stand for words of the file.
 */

const LITERAL = String.raw`'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|${'`'}(?:[^${'`'}\\]|\\.)*${'`'}`;
const NAME_PATTERN = new RegExp(String.raw`[\w.]+\(\s*(?:\w+,\s*)?(${LITERAL})\s*,`, 'g');
const TEMPLATE_PATTERN = /`(?:[^`\\]|\\.)*`/g;
/** A shorter word may be one that the file computes. */
const WORD_LENGTH_MIN = 6;

function unescaped(literal: string): string {
  return literal.slice(1, -1).replace(/\\(.)/g, (_, character: string) => (character === 'n' ? '\n' : character));
}

/** Cuts a template at its `${…}`, in which further braces may stand. */
function partsOfTemplate(template: string): string[] {
  const parts: string[] = [];
  let rest = template;
  for (;;) {
    const start = rest.indexOf('${');
    if (start < 0) return [...parts, rest];
    parts.push(rest.slice(0, start));
    let depth = 1;
    let at = start + 2;
    for (; at < rest.length && depth > 0; at++) depth += rest[at] === '{' ? 1 : rest[at] === '}' ? -1 : 0;
    rest = rest.slice(at);
  }
}

function escapedForPattern(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

/** Texts for the holes of the template that make this name, or null: as short as can be in front, or as long. */
function fillings(template: string, name: string, hole: '(.*?)' | '(.*)'): readonly string[] | null {
  const parts = partsOfTemplate(unescaped(template));
  // A template of holes alone could make any name.
  if (parts.join('').trim().length < WORD_LENGTH_MIN) return null;
  return new RegExp(`^${parts.map(escapedForPattern).join(hole)}$`, 's').exec(name)?.slice(1) ?? null;
}

/** A template makes this name: its fixed parts fit, and what fills its holes stands in the file or is made by another template there. */
function isMadeBy(template: string, name: string, source: string, templates: readonly string[]): boolean {
  const isAtHand = (text: string): boolean =>
    text.length < WORD_LENGTH_MIN || source.includes(text) || templates.some((other) => other !== template && isMadeBy(other, text, source, []));
  return (['(.*?)', '(.*)'] as const).some((hole) => fillings(template, name, hole)?.every(isAtHand) === true);
}

/** Whether the file with this source has a test of this name. */
export function hasTestNamed(source: string, name: string): boolean {
  const templates = source.match(TEMPLATE_PATTERN) ?? [];
  for (const [, literal = ''] of source.matchAll(NAME_PATTERN)) {
    if (literal.startsWith('`') ? isMadeBy(literal, name, source, templates) : unescaped(literal) === name) return true;
  }
  return false;
}
