// test-timeout: 240 s
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { repositoryRoot } from '../support/repository-root.js';
import { coveredRows, missingEnds, renderPage } from './commands/page.js';
import { collectSightings } from './commands/sightings.js';

const rows = await coveredRows(await collectSightings());

test('every opcode and service action has tests of success, of wrong fields and of a reservation conflict', () => {
  assert.ok(rows.length > 0);
  const missing = rows.flatMap((covered) => missingEnds(covered).map((end) => `${covered.deviceType.name}: ${covered.row.name}: ${end}`));
  assert.equal(missing, []);
});

test('docs/commands.md is what npm run docs:commands writes', () => {
  assert.is(readFileSync(join(repositoryRoot(), 'docs', 'commands.md'), 'utf8'), renderPage(rows));
});

test.run();
