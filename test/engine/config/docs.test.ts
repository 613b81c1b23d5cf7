import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { formatByteSize } from '../../../engine/config/byte-size.js';
import { configSchema, diskLunShape, isnsSchema, targetSchema } from '../../../engine/config/schema.js';
import { deviceKinds } from '../../../engine/devices/registry.js';
import { type LimitName, limitTable } from '../../../engine/limits.js';

// Compiled tests run from dist/test/… of the repository, or from a private directory with the repository as cwd.
const nearby = fileURLToPath(new URL('../../../../docs/configuration.md', import.meta.url));
const docs = existsSync(nearby) ? dirname(nearby) : join(process.cwd(), 'docs');
const text = readFileSync(join(docs, 'configuration.md'), 'utf8');

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
  for (const shape of [configSchema.shape, targetSchema.shape, diskLunShape, isnsSchema.shape]) {
    for (const key of Object.keys(shape)) assert.match(text, rowOf(key), key);
  }
});

test('the page of each kind of device has a row for each of its options', () => {
  for (const { name, options } of deviceKinds) {
    if (Object.keys(options).length === 0) continue;
    const page = readFileSync(join(docs, 'devices', `${name}.md`), 'utf8');
    for (const key of Object.keys(options)) assert.match(page, rowOf(key), `${name}: ${key}`);
  }
});

function rowOf(key: string): RegExp {
  return new RegExp(`^\\| .*\`${key}\``, 'm');
}

test.run();
