import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { formatByteSize } from '../../../engine/config/byte-size.js';
import { configSchema, isnsSchema, lunSchema, targetSchema } from '../../../engine/config/schema.js';
import { type LimitName, limitTable } from '../../../engine/limits.js';

// Compiled tests run from dist/test/… of the repository, or from a private directory with the repository as cwd.
const nearby = fileURLToPath(new URL('../../../../docs/configuration.md', import.meta.url));
const text = readFileSync(existsSync(nearby) ? nearby : join(process.cwd(), 'docs', 'configuration.md'), 'utf8');

test('docs/configuration.md has each limit with its range and reason, and no other', () => {
  const rows = (Object.keys(limitTable) as LimitName[]).map((name) => {
    const { value, min, max, reason } = limitTable[name];
    const cells = [value, min, max].map((number) => (name.includes('Bytes') ? formatByteSize(number) : String(number)));
    return `| \`${name}\` | ${cells.join(' | ')} | ${reason} |`;
  });
  const section = text.slice(text.indexOf('## Limits'), text.indexOf('## Errors'));
  assert.equal(
    // The formatter pads cells.
    section
      .split('\n')
      .filter((line) => line.startsWith('| `'))
      .map((line) => line.replace(/ +\|/g, ' |')),
    rows,
  );
});

test('docs/configuration.md has a row for each key', () => {
  for (const schema of [configSchema, targetSchema, lunSchema, isnsSchema]) {
    for (const key of Object.keys(schema.shape)) assert.match(text, new RegExp(`^\\| .*\`${key}\``, 'm'), key);
  }
});

test.run();
