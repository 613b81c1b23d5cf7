import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type DisktestEvent, type DisktestFigures, isPassed, runDisktest } from '../../load/disktest.js';
import type { LoadOptions } from '../../load/load-plan.js';
import { runTurs } from '../../load/turs.js';
import { EngineTarget, ramLun } from './engine-target.js';
import { BASE_OPTIONS, linear, linearInterleaved, linearReverse, randomInterleaved } from './load-fixture.js';

const MIB = 1024 * 1024;
const BLOCK = 512;
const LUNS = [ramLun(0, MIB), ramLun(1, MIB, { blockLengthBytes: 4096 }), ramLun(2, MIB, { readOnly: true }), ramLun(3, 8 * MIB)];

const test = suite<{ target: EngineTarget }>('disktest');
test.before(async (context) => {
  context.target = await EngineTarget.start(LUNS);
});
test.after.each(({ target }) => target.assertIdle());
test.after(({ target }) => target.stop());

interface Outcome {
  readonly figures: DisktestFigures;
  readonly events: readonly DisktestEvent[];
}

async function run(url: string, options: Partial<LoadOptions>, more: { heartbeatSeconds?: number; digests?: boolean; stopMs?: number } = {}): Promise<Outcome> {
  const events: DisktestEvent[] = [];
  const figures = await runDisktest({
    url,
    options: { ...BASE_OPTIONS, ...options },
    heartbeatSeconds: more.heartbeatSeconds ?? null,
    digests: more.digests ?? false,
    report: (event) => events.push(event),
    onStop: (listener) => {
      const timer = more.stopMs === undefined ? null : setTimeout(listener, more.stopMs);
      return () => {
        if (timer !== null) clearTimeout(timer);
      };
    },
  });
  return { figures, events };
}

const bytes = (value: number) => ({ unit: 'bytes', value }) as const;
const size = (low: number, high = low) => ({ transferMin: bytes(low), transferMax: bytes(high) });

test('a linear read pass moves every byte once, with the threads on any number of sessions', async ({ target }) => {
  for (const sessionCount of [1, 3]) {
    const { figures } = await run(target.url(), { seek: linear, sessionCount, ...size(8192) });
    assert.ok(isPassed(figures));
    assert.is(figures.read?.bytes, MIB);
    assert.is(figures.read?.commandCount, MIB / 8192);
    assert.is(figures.write, null);
    assert.ok((figures.read?.latencyMicros.max ?? 0) > 0);
  }
});

test('what is written is read back and compared, for every pattern, both block lengths and with digests', async ({ target }) => {
  for (const seek of [linear, linearReverse, linearInterleaved, randomInterleaved, BASE_OPTIONS.seek]) {
    for (const lun of [0, 1]) {
      const { figures } = await run(
        target.url(lun),
        { seek, reads: true, writes: true, compareBytes: 0, threadCount: 7, sessionCount: 2, ...size(4096, 16_384) },
        { digests: lun === 1 },
      );
      assert.ok(isPassed(figures), JSON.stringify(figures));
      assert.ok(figures.comparedBlockCount > 0);
      if (seek === linear) assert.is(figures.comparedBlockCount, MIB / (lun === 0 ? 512 : 4096));
    }
  }
});

test('a byte that was changed behind its back is found with LBA, offset, expected and found', async ({ target }) => {
  await run(target.url(), { seek: linear, reads: false, writes: true, compareBytes: 0, ...size(8192) });
  const [lba, offsetBytes] = [1234, 300];
  const right = await target.withUnit(0, async (unit) => {
    const block = await unit.read(lba, 1, BLOCK);
    const byte = block[offsetBytes] as number;
    block[offsetBytes] = byte ^ 0x10;
    await unit.write(lba, block, BLOCK);
    return byte;
  });
  const { figures, events } = await run(target.url(), { seek: linear, compareBytes: 0, ...size(8192) });
  assert.is(figures.mismatchCount, 1);
  assert.not.ok(isPassed(figures));
  const found = events.find((event) => event.kind === 'mismatch');
  assert.ok(found?.kind === 'mismatch');
  const { mismatch } = found;
  assert.equal([mismatch.lba, mismatch.offsetBytes, mismatch.expected, mismatch.found], [lba, offsetBytes, right, right ^ 0x10]);
  assert.match(mismatch.diagnosis, /^the block says that it is of write \d+, but its data is not$/);
  // A read that stops before the byte does not see it.
  const half = await run(target.url(), { seek: linear, compareBytes: offsetBytes, ...size(512) });
  assert.is(half.figures.mismatchCount, 0);
});

test('a write that was lost, and another that landed elsewhere, are found', async ({ target }) => {
  await run(target.url(), { seek: linear, reads: false, writes: true, compareBytes: 0, ...size(512) });
  await target.withUnit(0, async (unit) => unit.write(77, await unit.read(70, 1, BLOCK), BLOCK));
  const { events } = await run(target.url(), { seek: linear, compareBytes: 0, ...size(512) });
  const mismatch = events.flatMap((event) => (event.kind === 'mismatch' ? [event.mismatch] : []))[0];
  assert.is(mismatch?.lba, 77);
  assert.is(mismatch?.diagnosis, 'the block holds what was written to LBA 70');
});

test('what another initiator writes between the passes is stale or foreign data', async ({ target }) => {
  const events: DisktestEvent[] = [];
  // Zeros go to LBA 3 while the test writes and reads for as long as it takes to meet them.
  const pending = runDisktest({
    url: target.url(),
    options: { ...BASE_OPTIONS, seek: linear, writes: true, compareBytes: 0, seconds: 20, lastLba: 15, ...size(512) },
    heartbeatSeconds: null,
    digests: false,
    report: (event) => events.push(event),
    onStop: () => () => {},
  });
  const isMet = () => events.some((event) => event.kind === 'end');
  await target.withUnit(0, async (unit) => {
    while (!isMet()) await unit.write(3, Buffer.alloc(BLOCK), BLOCK);
  });
  assert.ok((await pending).mismatchCount >= 1);
  const [first] = events.filter((event) => event.kind === 'mismatch');
  assert.ok(first?.kind === 'mismatch');
  assert.equal([first.mismatch.lba, first.mismatch.diagnosis], [3, 'the block is all zeros']);
});

test('a range is kept to: blocks outside of it stay as they were', async ({ target }) => {
  const marker = Buffer.alloc(MIB, 0xa5);
  await target.withUnit(0, (unit) => unit.write(0, marker, BLOCK));
  await run(target.url(), { reads: false, writes: true, firstLba: 100, lastLba: 199, commandCountMax: 300, ...size(512, 8192) });
  await run(target.url(), { seek: linear, reads: false, writes: true, firstLba: 100, lastLba: 199, ...size(4096) });
  const now = await target.withUnit(0, (unit) => unit.read(0, MIB / BLOCK, BLOCK));
  assert.ok(now.subarray(0, 100 * BLOCK).every((byte) => byte === 0xa5));
  assert.ok(now.subarray(200 * BLOCK).every((byte) => byte === 0xa5));
  assert.not.ok(now.subarray(100 * BLOCK, 200 * BLOCK).equals(marker.subarray(0, 100 * BLOCK)));
});

test('-L counts commands, -D deals them out', async ({ target }) => {
  const { figures } = await run(target.url(3), { writes: true, writePercent: 30, commandCountMax: 1000, threadCount: 16, ...size(4096) });
  assert.is((figures.read?.commandCount ?? 0) + (figures.write?.commandCount ?? 0), 1000);
  assert.is(figures.write?.commandCount, 300);
});

test('-T ends a test, with heartbeats until then', async ({ target }) => {
  const { figures, events } = await run(target.url(), { seconds: 0.5, ...size(4096) }, { heartbeatSeconds: 0.1 });
  // Node’s timers may be a millisecond early.
  assert.ok(figures.seconds > 0.49 && figures.seconds < 5, String(figures.seconds));
  const beats = events.flatMap((event) => (event.kind === 'heartbeat' && event.read !== null ? [event.read] : []));
  assert.ok(beats.length >= 2, `${beats.length} heartbeats`);
  const counted = beats.reduce((sum, beat) => sum + beat.commandCount, 0);
  assert.ok(counted > 0 && counted <= (figures.read?.commandCount ?? 0));
});

test('a signal ends a test with its figures, also before it began', async ({ target }) => {
  const { figures } = await run(target.url(), { seconds: 60, ...size(4096) }, { stopMs: 200 });
  assert.ok(figures.wasStopped && figures.seconds < 30 && (figures.read?.commandCount ?? 0) > 0);
  const early = await runDisktest({
    url: target.url(),
    options: { ...BASE_OPTIONS, seconds: 60 },
    heartbeatSeconds: null,
    digests: false,
    report: () => {},
    onStop: (listener) => {
      listener();
      return () => {};
    },
  });
  assert.ok(early.wasStopped);
  assert.is(early.read?.commandCount, 0);
});

test('SCSI errors end a test unless it is to go on', async ({ target }) => {
  const writes = { reads: false, writes: true, commandCountMax: 50, threadCount: 4 };
  const stopped = await run(target.url(2), writes);
  assert.ok(stopped.figures.faultCount >= 1 && stopped.figures.faultCount <= 4);
  const whole = await run(target.url(2), { ...writes, continueOnError: true });
  assert.is(whole.figures.faultCount, 50);
  assert.equal(
    whole.figures.faults.map(({ count, text }) => [count, text]),
    [[50, 'CHECK CONDITION, DATA PROTECT, ASC 0x27 ASCQ 0x00']],
  );
  assert.is(whole.figures.write?.commandCount, 0);
});

test('what is wrong with a target has its own code', async ({ target }) => {
  const codeOf = async (url: string): Promise<string> => {
    try {
      await run(url, {});
      return 'none';
    } catch (error) {
      return (error as { code: string }).code;
    }
  };
  assert.is(await codeOf('iscsi://127.0.0.1:1/iqn.x:y/0'), 'LOAD_TARGET');
  assert.is(await codeOf(target.url().replace('lunloom:load', 'lunloom:none')), 'LOAD_TARGET');
  assert.is(await codeOf(target.url(9)), 'LOAD_TARGET');
  assert.is(await codeOf('http://127.0.0.1/'), 'LOAD_USAGE');
});

test('a target that goes away in the middle is told after the figures', async () => {
  const target = await EngineTarget.start(LUNS);
  setTimeout(() => void target.stop(), 200);
  const { figures, events } = await run(target.url(), { seconds: 30, ...size(4096) });
  assert.match(String(figures.brokenBy), /clos|broke/);
  assert.is((figures.brokenBy as { code?: string }).code, 'LOAD_TARGET');
  assert.ok((figures.read?.commandCount ?? 0) > 0);
  assert.is(events.at(-1)?.kind, 'end');
});

test('turs counts what it sends at any depth, and past the unit attention of a new nexus', async ({ target }) => {
  for (const depth of [1, 8, 200]) {
    const figures = await runTurs({ url: target.url(), commandCount: 500, depth, digests: false, onStop: () => () => {} });
    assert.equal([figures.commandCount, figures.errorCount, figures.unitAttentionCount], [500, 0, 1], `depth ${depth}`);
    assert.ok(Math.abs(figures.operationsPerSecond - 500 / figures.seconds) < 1e-6);
  }
  const none = await runTurs({ url: target.url(9), commandCount: 3, depth: 1, digests: false, onStop: () => () => {} });
  assert.is(none.errorCount, 3);
  assert.equal(none.faults[0], { status: 2, senseKey: 5, asc: 0x25, ascq: 0, count: 3, text: 'CHECK CONDITION, ILLEGAL REQUEST, ASC 0x25 ASCQ 0x00' });
});

test.run();
