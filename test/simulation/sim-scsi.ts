import { AhsType } from '../../engine/pdu/index.js';
import type { CommandPlan } from './sim-command.js';
import { must } from './violation.js';

const READ_10 = 0x28;
const WRITE_10 = 0x2a;
const XDWRITEREAD_10 = 0x53;
const TEST_UNIT_READY = 0x00;

const Status = { good: 0, checkCondition: 2, busy: 8, taskSetFull: 0x28 } as const;
const SenseKey = { unitAttention: 6, abortedCommand: 11 } as const;

export function cdbOf({ kind, lba, lbaCount }: CommandPlan): Uint8Array {
  const cdb = Buffer.alloc(10);
  cdb[0] = { read: READ_10, write: WRITE_10, exchange: XDWRITEREAD_10, none: TEST_UNIT_READY }[kind];
  if (kind === 'none') return cdb;
  cdb.writeUInt32BE(lba, 2);
  cdb.writeUInt16BE(lbaCount, 7);
  return cdb;
}

/** What a bidirectional command says of its Data-In, RFC 7143 §11.2.2.4; nothing for others. */
export function ahsOf({ kind }: CommandPlan, readLength: number): Uint8Array {
  if (kind !== 'exchange') return new Uint8Array(0);
  const ahs = Buffer.alloc(8);
  ahs.writeUInt16BE(5, 0);
  ahs[2] = AhsType.bidirectionalReadLength;
  ahs.writeUInt32BE(readLength, 4);
  return ahs;
}

/** Commands that keep all rules fail for want of room, by a unit attention, or where data was lost again and again. */
export function checkStatus(status: number, senseSegment: Uint8Array, hasSense: boolean, mayLoseData: boolean): void {
  must(Object.values(Status).includes(status as 0), () => `a command ended with status ${status.toString(16)}`);
  if (status !== Status.checkCondition) return;
  const key = hasSense && senseSegment.length > 4 ? (senseSegment[4] as number) & 0x0f : -1;
  const sense = Buffer.from(senseSegment).toString('hex');
  must(key === SenseKey.unitAttention || (mayLoseData && key === SenseKey.abortedCommand), () => `a command failed with sense ${sense}`);
}
