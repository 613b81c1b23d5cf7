// test-timeout: 120 s
import { rmSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { makeFolder } from '../engine/devices/changer/changer-fixture.js';
import { generateLibraryOperations, type LibraryOperation, LibraryScenario } from './library-scenario.js';
import { checkSeconds, checkSequences } from './sequence-search.js';

/** Part of the time that the checks of a file take. */
const SHARE = 0.4;

test('a media library agrees with a map of its elements, over restarts and crashes while it saves', async () => {
  const count = await checkSequences<LibraryOperation>(
    {
      name: 'media library',
      generate: generateLibraryOperations,
      async faultOf(operations) {
        const folder = makeFolder();
        const scenario = await LibraryScenario.begin(folder);
        try {
          for (const operation of operations) {
            const fault = await scenario.step(operation);
            if (fault !== null) return `${JSON.stringify(operation)}: ${fault}`;
          }
          return null;
        } finally {
          await scenario.end();
          rmSync(folder, { recursive: true, force: true });
        }
      },
    },
    checkSeconds * SHARE,
  );
  assert.ok(count > 0);
});

test.run();
