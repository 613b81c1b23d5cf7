// test-timeout: 60 s
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import { generateOpticalOperations, OpticalScenario } from './optical-scenario.js';
import type { DiscRules } from './reference-disc.js';
import { checkSeconds, checkSequences } from './sequence-search.js';

/** In memory where that can be: records are synced at every step. */
const SHARED_MEMORY = '/dev/shm';
const folder = mkdtempSync(join(existsSync(SHARED_MEMORY) ? SHARED_MEMORY : tmpdir(), 'lunloom-optical-model-'));
test.after(() => rmSync(folder, { recursive: true }));

const discs: readonly DiscRules[] = [
  { profile: 'dvd+r', blockCount: 6144, ecc: 16, trackMin: 16, trackGap: 16, sessionGaps: [2048, 2048] },
  { profile: 'cd-rw', blockCount: 30_000, ecc: 1, trackMin: 300, trackGap: 152, sessionGaps: [11_400, 6900] },
  { profile: 'bd-r', blockCount: 1024, ecc: 32, trackMin: 32, trackGap: 0, sessionGaps: [0, 0] },
];
/** A third of what other models take: a sequence is a few milliseconds. */
const SECONDS = checkSeconds / 3;

let count = 0;
for (const rules of discs) {
  test(`recording a ${rules.profile} agrees with a list of tracks, over restarts and crashes`, async () => {
    await checkSequences(
      {
        name: rules.profile,
        generate: (random) => generateOpticalOperations(random, rules),
        faultOf: (operations) => new OpticalScenario(rules, join(folder, `disc-${count++}`)).faultOf(operations),
      },
      SECONDS / discs.length,
    );
  });
}

test.run();
