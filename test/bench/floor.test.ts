// test-timeout: 60 s
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { probeMedium, verifyMedium } from '../../bench/compare/core-initiator.js';
import { cFloor, nodeFloor } from '../../bench/compare/floors.js';
import { initiators } from '../../bench/compare/initiators.js';
import type { Contender, RunningContender, Workload } from '../../bench/compare/model.js';
import { findProgram } from '../../bench/compare/programs.js';
import { workloads } from '../../bench/compare/workloads.js';
import { LogicalUnitClient, parseIscsiUrl, ScsiCommandError, Session } from '../../initiator/index.js';

/** The floors cut every corner but these: a limit that answers wrongly is none. */

const MEDIUM_BYTES = 16 * 1024 * 1024;

async function withFloor(contender: Contender, use: (floor: RunningContender) => Promise<void>): Promise<void> {
  const floor = await contender.start();
  try {
    await use(floor);
  } finally {
    await floor.stop();
  }
}

function named(name: string): Workload {
  const workload = workloads.find((row) => row.name === name);
  assert.ok(workload, name);
  return workload;
}

const floors: readonly (readonly [string, Contender])[] = [
  ['node', nodeFloor(MEDIUM_BYTES)],
  ...(findProgram('cc') === null ? [] : [['C', cFloor(MEDIUM_BYTES)] as const]),
];

for (const [kind, contender] of floors) {
  test(`the ${kind} floor keeps what is written`, async () => {
    await withFloor(contender, async ({ url }) => {
      const medium = await probeMedium(url);
      assert.equal(medium, { capacityBytes: MEDIUM_BYTES, blockLengthBytes: 512 });
      assert.is(await verifyMedium(url, medium, 1, MEDIUM_BYTES), MEDIUM_BYTES);
    });
  });

  test(`the ${kind} floor stands a mixed load in several sessions and long reads`, async () => {
    await withFloor(contender, async ({ url, pid }) => {
      const medium = await probeMedium(url);
      const job = { url, medium, seconds: 1, seed: 1, targetPid: pid };
      const mixed = await initiators.core.run({ ...job, workload: { ...named('mixed-4k-q32'), sessionCount: 4 } });
      assert.ok(mixed.iops > 0 && (mixed.latency?.p50 ?? 0) > 0 && (mixed.latency?.p999 ?? 0) >= (mixed.latency?.p50 ?? 0), JSON.stringify(mixed));
      const long = await initiators.core.run({ ...job, workload: named('seq-read-1024k-q8') });
      assert.ok(long.operationCount > 0);
    });
  });

  test(`the ${kind} floor refuses what it does not know, and what lies behind its end`, async () => {
    await withFloor(contender, async ({ url }) => {
      const { host, port, targetName } = parseIscsiUrl(url);
      const session = await Session.login({ host, port, targetName });
      const unit = new LogicalUnitClient(session, 0);
      assert.match((await unit.inquiry()).vendor, 'LUNLOOM');
      try {
        await unit.read(BigInt(MEDIUM_BYTES / 512), 1, 512);
        assert.unreachable();
      } catch (error) {
        assert.instance(error, ScsiCommandError);
      }
      await session.logout();
    });
  });

  test(`the ${kind} floor sits out what it cannot do`, () => {
    assert.is(contender.abstains?.(named('read-4k-q32')), null);
    assert.is(contender.abstains?.(named('write-64k-q8')), null);
    assert.match(contender.abstains?.(named('seq-write-256k-q8')) ?? '', '64 KiB');
    assert.match(contender.abstains?.(named('digest-read-4k-q32')) ?? '', 'digests');
  });
}

test.run();
