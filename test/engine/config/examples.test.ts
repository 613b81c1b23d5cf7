import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { loadConfigFile } from '../../../engine/config/load-config.js';

// Compiled tests run from dist/test/… of the repository, or from a private directory with the repository as cwd.
const nearby = fileURLToPath(new URL('../../../../examples', import.meta.url));
const examples = existsSync(nearby) ? nearby : join(process.cwd(), 'examples');

test('every example is a configuration without problems', () => {
  const files = readdirSync(examples).filter((name) => name.endsWith('.yaml'));
  assert.ok(files.length >= 3);
  for (const file of files) loadConfigFile(join(examples, file));
});

test.run();
