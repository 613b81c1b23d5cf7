import { assert } from '../../../engine/errors.js';
import { prepare } from '../../../engine/scsi/device-server.js';
import { DataDirection } from '../../../engine/shm/layout.js';
import { SlotPool } from '../../../engine/task/slot-pool.js';
import { benchNexus, benchUnit } from '../bench-unit.js';
import type { MicroCase, OpenCase } from '../model.js';

const MIB = 1024 * 1024;
const SLOT_COUNT = 64;
const BLOCK_COUNT = 8;
const CDB_BYTES = 16;

const TEST_UNIT_READY = Uint8Array.of(0x00, 0, 0, 0, 0, 0);
const READ_10 = Uint8Array.of(0x28, 0, 0, 0, 0, 0x10, 0, 0, BLOCK_COUNT, 0);
const WRITE_16 = Uint8Array.of(0x8a, 0, 0, 0, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, BLOCK_COUNT, 0, 0);
const REPORT_SUPPORTED_OPERATION_CODES = Uint8Array.of(0xa3, 0x0c, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0);

/** Looks the CDB up and judges it, as for each command that has its turn. */
function openPrepare(cdb: Uint8Array): OpenCase {
  const unit = benchUnit(4 * MIB);
  const slot = new SlotPool(1).acquire();
  assert(slot !== null, 'a new pool has a slot');
  slot.cdb.set(cdb);
  slot.cdbLength = CDB_BYTES;
  assert(prepare(slot, unit, benchNexus) !== null, 'the bench prepares a command that is refused');
  return {
    run(count) {
      let sum = 0;
      for (let i = 0; i < count; i++) {
        slot.cdb[5] = i & 1;
        if (prepare(slot, unit, benchNexus) !== null) sum += slot.lbaCount;
      }
      return sum;
    },
  };
}

function openLookUp(cdb: Uint8Array): OpenCase {
  const { commands } = benchUnit(4 * MIB).deviceType;
  const cdbs = [cdb, Uint8Array.from(cdb)] as const;
  return {
    run(count) {
      let sum = 0;
      for (let i = 0; i < count; i++) sum += commands.lookUp(cdbs[i & 1] as Uint8Array)?.row.cdbLength ?? 0;
      return sum;
    },
  };
}

/** What a header sets in a slot, as the SCSI Command handler does. */
function openSlot(): OpenCase {
  const pool = new SlotPool(SLOT_COUNT);
  const header = new DataView(READ_10.buffer.slice(0), 0);
  const words = new DataView(new ArrayBuffer(CDB_BYTES));
  for (let i = 0; i < READ_10.length; i++) words.setUint8(i, header.getUint8(i));
  return {
    run(count) {
      let sum = 0;
      for (let i = 0; i < count; i++) {
        const slot = pool.acquire();
        assert(slot !== null, 'a slot was not given back');
        slot.logicalUnitHandle = 1;
        slot.nexusId = 1;
        slot.receivedAt = i;
        slot.initiatorTaskTag = i;
        slot.taskAttribute = 1;
        for (let at = 0; at < CDB_BYTES; at += 4) slot.cdbView.setUint32(at, words.getUint32(at));
        slot.cdbLength = CDB_BYTES;
        slot.direction = DataDirection.in;
        slot.expectedDataOutLength = 0;
        slot.expectedDataInLength = i;
        sum += slot.index;
        slot.resetOutcome();
        pool.release(slot);
      }
      return sum;
    },
  };
}

export const scsiCases: readonly MicroCase[] = [
  { name: 'slot/set-up', title: 'take a slot, fill it in, clear it, give it back', open: openSlot },
  { name: 'cdb/look-up', title: 'command table: an opcode', open: () => openLookUp(READ_10) },
  { name: 'cdb/look-up-service-action', title: 'command table: an opcode with a service action', open: () => openLookUp(REPORT_SUPPORTED_OPERATION_CODES) },
  { name: 'cdb/prepare/test-unit-ready', title: 'look up and judge TEST UNIT READY', open: () => openPrepare(TEST_UNIT_READY) },
  { name: 'cdb/prepare/read-10', title: 'look up, judge and plan READ (10)', open: () => openPrepare(READ_10) },
  { name: 'cdb/prepare/write-16', title: 'look up, judge and plan WRITE (16)', open: () => openPrepare(WRITE_16) },
];
