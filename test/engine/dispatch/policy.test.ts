import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { runsInline } from '../../../engine/dispatch/policy.js';
import type { CommandRow } from '../../../engine/scsi/command-table.js';
import { deviceTypes } from '../../../engine/scsi/device-types.js';
import { Medium } from '../../../engine/scsi/medium.js';
import { MemoryStore } from '../scsi/memory-store.js';

const MIB = 1024 * 1024;
const read = deviceTypes.disk.commands.findNamed(0x28) as CommandRow;
const inquiry = deviceTypes.disk.commands.findNamed(0x12) as CommandRow;

function mediumOf(blocking: boolean): Medium {
  return new Medium(Object.assign(new MemoryStore(MIB), { blocking }), 512, false, MIB);
}
const memory = mediumOf(false);
const file = mediumOf(true);

test('a command on the state of the unit runs on the main thread under every policy', () => {
  for (const policy of ['inline', 'pool', 'auto'] as const) assert.ok(runsInline(policy, inquiry, file, MIB, true));
});

test('the policy of the logical unit decides', () => {
  assert.ok(runsInline('inline', read, file, MIB, true));
  assert.not.ok(runsInline('pool', read, memory, 512, true));
});

test('auto: what can block goes to a worker, short copies of memory stay, long ones go', () => {
  assert.not.ok(runsInline('auto', read, file, 512, true));
  assert.ok(runsInline('auto', read, memory, 512, true));
  assert.ok(runsInline('auto', read, memory, 512 * 1024, true));
  assert.not.ok(runsInline('auto', read, memory, 512 * 1024 + 1, true));
});

test('without a worker everything runs on the main thread', () => {
  for (const policy of ['inline', 'pool', 'auto'] as const) assert.ok(runsInline(policy, read, file, MIB, false));
});

test.run();
