import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { runsInline, waitsForStableStorage } from '../../../engine/dispatch/policy.js';
import type { CommandRow, MediumCommandRow } from '../../../engine/scsi/command-table.js';
import { deviceTypes } from '../../../engine/scsi/device-types.js';
import type { ExecutionPolicy } from '../../../engine/scsi/logical-unit.js';
import { Medium } from '../../../engine/scsi/medium.js';
import { CommandSlot, SlotMemory } from '../../../engine/shm/command-slot.js';
import { MemoryStore } from '../scsi/memory-store.js';

const KIB = 1024;
const MIB = 1024 * KIB;
const rowOf = (opcode: number) => deviceTypes.disk.commands.findNamed(opcode) as CommandRow;
const read = rowOf(0x28);
const write = rowOf(0x2a);
const synchronizeCache = rowOf(0x35);
const inquiry = rowOf(0x12);
const command = new CommandSlot(SlotMemory.allocate(1), 0);

function mediumOf(blocking: boolean): Medium {
  return new Medium(Object.assign(new MemoryStore(MIB), { blocking }), { blockLengthBytes: 512, readOnly: false, transferLengthBytesMax: MIB });
}
const memory = mediumOf(false);

function isInline(policy: ExecutionPolicy, row: CommandRow, medium: Medium, lengthBytes: number, cdbByte1 = 0): boolean {
  command.cdb[0] = row.opcode;
  command.cdb[1] = cdbByte1;
  return runsInline(policy, row, command, medium, lengthBytes, true);
}

/** A file whose commands took so long until now. */
function fileAfter(serviceMicros: readonly number[]): Medium {
  const file = mediumOf(true);
  for (const micros of serviceMicros) file.pace.observe(micros);
  return file;
}
const many = (count: number, micros: number) => new Array<number>(count).fill(micros);
const cached = () => fileAfter(many(100, 4));

test('a command on the state of the unit runs on the main thread under every policy', () => {
  for (const policy of ['inline', 'pool', 'auto'] as const) assert.ok(isInline(policy, inquiry, mediumOf(true), MIB));
});

test('the policy of the logical unit decides', () => {
  assert.ok(isInline('inline', read, mediumOf(true), MIB));
  assert.not.ok(isInline('pool', read, memory, 512));
});

test('auto: short copies of memory stay, long ones go to a worker', () => {
  assert.ok(isInline('auto', read, memory, 512));
  assert.ok(isInline('auto', read, memory, 512 * KIB));
  assert.not.ok(isInline('auto', read, memory, 512 * KIB + 1));
});

test('auto: a file is taken to block until it has shown that it does not', () => {
  assert.not.ok(isInline('auto', read, mediumOf(true), 512));
  assert.not.ok(isInline('auto', read, fileAfter(many(10, 4)), 512));
  assert.ok(isInline('auto', read, cached(), 512));
  assert.ok(isInline('auto', write, cached(), 512));
});

test('auto: long transfers of a quick file go to a worker, reads sooner than writes', () => {
  assert.ok(isInline('auto', read, cached(), 32 * KIB));
  assert.not.ok(isInline('auto', read, cached(), 64 * KIB));
  assert.ok(isInline('auto', write, cached(), 128 * KIB));
  assert.not.ok(isInline('auto', write, cached(), 256 * KIB));
});

test('auto: what waits for stable storage goes to a worker however quick the file is', () => {
  assert.not.ok(isInline('auto', synchronizeCache, cached(), 0));
  assert.not.ok(isInline('auto', write, cached(), 512, 0x08), 'FUA');
  assert.ok(isInline('auto', read, cached(), 512, 0x08), 'a read never waits');
  command.cdb[1] = 0x10;
  assert.not.ok(waitsForStableStorage(write as MediumCommandRow, command), 'DPO is no FUA');
});

test('a file that waits for a device stays with the workers, and one that becomes slow goes back to them', () => {
  assert.not.ok(fileAfter(many(1000, 120)).pace.isFast);
  const file = cached();
  file.pace.observe(10_000);
  assert.not.ok(file.pace.isFast, 'one wait of 10 ms outweighs what was saved before');
  for (const micros of many(100, 4)) file.pace.observe(micros);
  assert.not.ok(file.pace.isFast);
  for (const micros of many(200, 4)) file.pace.observe(micros);
  assert.ok(file.pace.isFast);
});

test('a pause of the thread now and then does not move a quick file to the workers, misses of the cache do', () => {
  const file = cached();
  for (let round = 0; round < 50; round++) {
    for (const micros of many(200, 4)) file.pace.observe(micros);
    file.pace.observe(3000);
    assert.ok(file.pace.isFast);
  }
  for (let round = 0; round < 50; round++) {
    for (const micros of many(9, 4)) file.pace.observe(micros);
    file.pace.observe(1000);
  }
  assert.not.ok(file.pace.isFast);
});

test('a device that hung for seconds is tried again after a bounded number of quick commands', () => {
  const file = fileAfter([30_000_000]);
  for (const micros of many(1500, 4)) file.pace.observe(micros);
  assert.ok(file.pace.isFast);
});

test('without a worker everything runs on the main thread', () => {
  for (const policy of ['inline', 'pool', 'auto'] as const) assert.ok(runsInline(policy, read, command, mediumOf(true), MIB, false));
});

test('auto: a command of a few bytes that goes through much of the store goes to a worker', () => {
  const writeSame = deviceTypes.disk.commands.findNamed(0x41) as CommandRow;
  command.lbaCount = 8;
  assert.ok(isInline('auto', writeSame, memory, 512));
  assert.ok(isInline('auto', writeSame, cached(), 512));
  command.lbaCount = 2 * 1024;
  assert.not.ok(isInline('auto', writeSame, memory, 512));
  assert.not.ok(isInline('auto', writeSame, cached(), 512));
});

test.run();
