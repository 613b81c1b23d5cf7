/**
 * Just enough of the lexical grammar of TypeScript to tell code from comments and strings, so that a check for `console` does not
 * trip over a sentence about the console.
 */

type TokenKind = 'comment' | 'string' | 'template' | 'regex' | 'code';

const LINE_COMMENT = /\/\/[^\n]*/y;
const BLOCK_COMMENT = /\/\*[\s\S]*?\*\//y;
const STRING = /'(?:[^'\\\n]|\\[\s\S])*'|"(?:[^"\\\n]|\\[\s\S])*"/y;
const REGEX = /\/(?![*/])(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/y;
const WORD = /[\w$#]+/y;
/** After these a slash starts a regular expression; after a value it divides. */
const BEFORE_REGEX = /(?:^|[=(,:;!&|?{}[+\-*%~^<>]|\b(?:return|typeof|case|of|in|void|throw|await|yield))\s*$/;

function matchAt(pattern: RegExp, text: string, at: number): string | null {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0] ?? null;
}

/** The length of the template literal at `at`, with the code in its `${}`. */
function templateLength(text: string, at: number): number {
  let cursor = at + 1;
  while (cursor < text.length && text[cursor] !== '`') {
    if (text[cursor] === '\\') cursor += 2;
    else if (text.startsWith('${', cursor)) cursor = substitutionEnd(text, cursor + 2);
    else cursor++;
  }
  return cursor + 1 - at;
}

function substitutionEnd(text: string, at: number): number {
  let depth = 1;
  let cursor = at;
  while (cursor < text.length && depth > 0) {
    const token = tokenAt(text, cursor, text.slice(Math.max(at, cursor - 40), cursor));
    if (token.text === '{') depth++;
    if (token.text === '}') depth--;
    cursor += token.text.length;
  }
  return cursor;
}

function tokenAt(text: string, at: number, codeBefore: string): { kind: TokenKind; text: string } {
  const comment = matchAt(LINE_COMMENT, text, at) ?? matchAt(BLOCK_COMMENT, text, at);
  if (comment !== null) return { kind: 'comment', text: comment };
  const string = matchAt(STRING, text, at);
  if (string !== null) return { kind: 'string', text: string };
  if (text[at] === '`') return { kind: 'template', text: text.slice(at, at + templateLength(text, at)) };
  const regex = text[at] === '/' && BEFORE_REGEX.test(codeBefore) ? matchAt(REGEX, text, at) : null;
  if (regex !== null) return { kind: 'regex', text: regex };
  return { kind: 'code', text: matchAt(WORD, text, at) ?? (text[at] as string) };
}

/** Line breaks stay, so that line numbers do. */
const blank = (text: string) => text.replace(/[^\n]/g, ' ');
const blankInside = (text: string) => `${text[0]}${blank(text.slice(1, -1))}${text.at(-1)}`;

function rewrite(source: string, replace: (kind: TokenKind, text: string) => string): string {
  let result = '';
  for (let at = 0; at < source.length; ) {
    const token = tokenAt(source, at, result.slice(-40));
    result += replace(token.kind, token.text);
    at += token.text.length;
  }
  return result;
}

/** The source with its comments turned into blanks. */
export function withoutComments(source: string): string {
  return rewrite(source, (kind, text) => (kind === 'comment' ? blank(text) : text));
}

/** The source with comments and the insides of strings, templates and regular expressions turned into blanks. */
export function codeOnly(source: string): string {
  return rewrite(source, (kind, text) => {
    if (kind === 'comment') return blank(text);
    return kind === 'code' ? text : blankInside(text);
  });
}

/** Where `pattern` (with its `g` flag) matches in the text, as line numbers from 1. */
export function linesOf(text: string, pattern: RegExp): number[] {
  return [...text.matchAll(pattern)].map((match) => text.slice(0, match.index).split('\n').length);
}

const IMPORT_PATTERN = /(?:\bfrom\s*|\bimport\s*\(\s*|\bimport\s+)(['"])([^'"\n]+)\1/g;

export interface Import {
  /** As it is written. */
  readonly specifier: string;
  /** True for `import type … from`: nothing of it is left when the program runs. */
  readonly typeOnly: boolean;
}

/** All imports and re-exports of a source. */
export function importsOf(source: string): Import[] {
  const code = withoutComments(source);
  return [...code.matchAll(IMPORT_PATTERN)].map((match) => {
    const statement = code.slice(code.lastIndexOf(';', match.index) + 1, match.index);
    return { specifier: match[2] as string, typeOnly: /^\s*(?:import|export)\s+type\b/.test(statement) };
  });
}
