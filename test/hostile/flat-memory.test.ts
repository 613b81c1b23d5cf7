// test-timeout: 240 s
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { KeyOffers } from '../../initiator/index.js';
import { EngineProcess } from './engine-process.js';
import { LoadSession, runTogether } from './load-session.js';
import { FILE_POOL_LUN, RAM_POOL_LUN, within } from './scene.js';

const KIB = 1024;
const MIB = 1024 * KIB;
const SESSION_COUNT = 16;
const TASK_COUNT = 128;
/** Behind what the bystander uses. */
const LOAD_START = 16 * MIB;
const REGION_BYTES = 2 * MIB;
const OBSERVE_PAUSE_MS = 200;
const RUN_MS_MAX = 60_000;
/** What the heap may go up and down by while gigabytes pass. */
const FLAT_BYTES = 48 * MIB;

// Each thread that waits for the file takes some megabytes of its own, and how many there are is not what is looked at.
const limits = { arenaBytes: 16 * MIB, slotCount: 64, commandWindowCountMax: 64, commandWindowStartCount: 64, blockingWorkerCountMax: 2 };
const engine = await EngineProcess.start({ limits });
test.after(() => engine.stop());

interface Load {
  readonly name: string;
  readonly lun: number;
  readonly lengths: readonly number[];
  readonly commandCount: number;
  readonly offers?: KeyOffers;
}

const solicited = { InitialR2T: 'Yes', ImmediateData: 'No' } as const;
const unsolicited = { InitialR2T: 'No', ImmediateData: 'Yes' } as const;
const loads: readonly Load[] = [
  { name: '256 KiB each, a file', lun: FILE_POOL_LUN, lengths: [256 * KIB], commandCount: 160 },
  { name: '256 KiB each, memory', lun: RAM_POOL_LUN, lengths: [256 * KIB], commandCount: 160 },
  { name: '256 KiB each, a file, all by R2T', lun: FILE_POOL_LUN, lengths: [256 * KIB], commandCount: 100, offers: solicited },
  {
    name: '4 KiB to 2 MiB, a file, unsolicited data',
    lun: FILE_POOL_LUN,
    lengths: [4 * KIB, 64 * KIB, 256 * KIB, 512 * KIB, 2 * MIB],
    commandCount: 40,
    offers: unsolicited,
  },
];

async function login(load: Load): Promise<LoadSession[]> {
  const sessions: LoadSession[] = [];
  for (let index = 0; index < SESSION_COUNT; index++) {
    const { lun, lengths, offers } = load;
    const region = { regionStart: LOAD_START + index * REGION_BYTES, regionBytes: REGION_BYTES };
    sessions.push(await LoadSession.login({ port: engine.port, index, lun, lengths, taskCount: TASK_COUNT, ...region, ...(offers ? { offers } : {}) }));
  }
  return sessions;
}

for (const load of loads) {
  test(`${SESSION_COUNT} sessions of ${TASK_COUNT} commands share 16 MiB and 64 slots: all completes, memory is flat (${load.name})`, async () => {
    const sessions = await login(load);
    // Once to touch the arena, the stores and the heap's own pools.
    await within(RUN_MS_MAX, 'the warm-up', runTogether(sessions, 20));
    const warm = await engine.observe();
    engine.bystander.start();
    let peakRssBytes = 0;
    const running = within(RUN_MS_MAX, 'the load', runTogether(sessions, load.commandCount)).then(() => true);
    for (let done = false; !done; ) {
      const { rssBytes, usage } = await engine.observe();
      assert.ok((usage?.slotsInUse ?? 0) <= 64 && (usage?.arenaBytesInUse ?? 0) <= 16 * MIB);
      peakRssBytes = Math.max(peakRssBytes, rssBytes);
      done = await Promise.race([running, sleep(OBSERVE_PAUSE_MS, false)]);
    }
    await engine.bystander.rounds(1);
    for (const session of sessions) await session.logout();
    const growthBytes = peakRssBytes - warm.rssBytes;
    assert.ok(growthBytes < FLAT_BYTES, `the engine grew by ${growthBytes / MIB} MiB`);
    await engine.assertAtRest();
  });
}

test.run();
