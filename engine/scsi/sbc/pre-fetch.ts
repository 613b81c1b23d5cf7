import type { CommandSlot } from '../../shm/command-slot.js';
import type { MediumCommandRow } from '../command-table.js';
import type { Medium } from '../medium.js';
import { invalidFieldInCdb } from '../sense.js';
import { ScsiStatus } from '../status.js';
import { cdb10, cdb16, type ExtentCdb, isInRange } from './extent.js';
import { endWithReadFault } from './medium-fault.js';
import { readUntilFault } from './read-until-fault.js';
import { scratchBytesOf, threadScratch } from './scratch.js';

/** Byte 1: Reserved . IMMED . Reserved. */
const PRE_FETCH_FLAGS = 0x02;

function preFetchRow(opcode: number, shape: ExtentCdb): MediumCommandRow {
  const name = `PRE-FETCH (${shape.cdbLength})`;
  return {
    runsOn: 'any',
    mediumAccess: 'read',
    reservation: 'read',
    opcode,
    name,
    clause: `SBC-3 "${name} command"`,
    cdbLength: shape.cdbLength,
    cdbUsage: shape.usage(opcode, PRE_FETCH_FLAGS),
    plan(command, medium) {
      const lba = shape.lba(command.cdbView);
      const given = shape.count(command.cdbView);
      if (!isInRange(command, medium, lba, given)) return;
      // MAXIMUM PREFETCH LENGTH. No blocks stands for all from there on, of which as many are fetched as may be.
      if (given > medium.transferBlocksMax) return invalidFieldInCdb(command, shape.countAt);
      command.lba = lba;
      command.lbaCount = given === 0 ? Math.min(medium.blockCount - lba, medium.transferBlocksMax) : given;
    },
    storeBytes: (command, medium) => (medium.store.blocking ? command.lbaCount * medium.blockLengthBytes : 0),
    execute: (command, medium) => executePreFetch(command, medium, shape.count(command.cdbView) === 0),
  };
}

export const preFetchRows: readonly MediumCommandRow[] = [preFetchRow(0x34, cdb10), preFetchRow(0x90, cdb16)];

/**
 * CONDITION MET says that all blocks are in the cache, GOOD that not all fitted. What lies in memory is as good as in the cache; a file is read,
 * which brings it into the page cache; a `file` with `direct` goes past that, and has none. IMMED allows an early answer; we give it late, because
 * then it tells what has become of it.
 */
function executePreFetch(command: CommandSlot, medium: Medium, toTheEnd: boolean): void {
  const { store } = medium;
  if (store.descriptor.kind === 'file' && store.descriptor.direct) return;
  if (store.blocking && !readIntoCache(command, medium)) return;
  const isComplete = !toTheEnd || !store.blocking || command.lba + command.lbaCount === medium.blockCount;
  if (isComplete) command.status = ScsiStatus.conditionMet;
}

function readIntoCache(command: CommandSlot, medium: Medium): boolean {
  const scratch = threadScratch();
  const stepCount = scratchBytesOf(medium.blockLengthBytes) / medium.blockLengthBytes;
  for (let done = 0; done < command.lbaCount; done += stepCount) {
    const lba = command.lba + done;
    const lbaCount = Math.min(stepCount, command.lbaCount - done);
    const readCount = readUntilFault(medium, scratch, 0, lba, lbaCount);
    if (readCount === lbaCount) continue;
    endWithReadFault(command, lba + readCount, 0);
    return false;
  }
  return true;
}
