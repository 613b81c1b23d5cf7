import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type LimitName, limitTable } from '../../../engine/limits.js';
import { isNegotiable, type KeyRow } from '../../../engine/login/key-row.js';
import { keyTable } from '../../../engine/login/keys.js';

// Compiled tests run from dist/test/… of the repository, or from a private directory with the repository as cwd.
const nearby = fileURLToPath(new URL('../../../../docs/negotiation.md', import.meta.url));
const text = readFileSync(existsSync(nearby) ? nearby : join(process.cwd(), 'docs', 'negotiation.md'), 'utf8');
const keySection = text.slice(0, text.indexOf('## Answers'));

const useNames: ReadonlyMap<KeyRow['use'], string> = new Map([
  ['security', 'security'],
  ['initialize-only', 'login'],
  ['leading-only', 'leading login'],
  ['any', 'always'],
  ['full-feature-only', 'full feature'],
]);

const resultNames: Record<KeyRow['kind'], string> = {
  list: 'first of the list',
  'boolean-and': 'AND',
  'boolean-or': 'OR',
  'number-min': 'smaller',
  'number-max': 'larger',
  declarative: 'declared',
  obsolete: 'obsolete',
  operation: 'none',
};

function defaultOf(row: KeyRow): string {
  if (!isNegotiable(row)) return '';
  return typeof row.default === 'boolean' ? (row.default ? 'Yes' : 'No') : String(row.default);
}

function cells(line: string): string[] {
  return line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim());
}

test('docs/negotiation.md has each key as the table has it, and no other', () => {
  const documented = keySection.split('\n').filter((line) => line.startsWith('| `'));
  assert.equal(
    documented.map((line) => cells(line).slice(0, 7).join(' | ')),
    keyTable.map((row) => {
      const clause = row.clause.replace('RFC 7143 ', '');
      return [`\`${row.name}\``, clause, row.scope, row.senders, useNames.get(row.use), resultNames[row.kind], defaultOf(row)].join(' | ');
    }),
  );
});

test('docs/negotiation.md names limits that there are', () => {
  const names = [...text.matchAll(/`([a-z][A-Za-z0-9]*(?:Max|Min|Bytes|Count))`/g)].map((match) => match[1] as LimitName);
  assert.ok(names.length > 8);
  assert.equal(
    names.filter((name) => limitTable[name] === undefined),
    [],
  );
});

test.run();
