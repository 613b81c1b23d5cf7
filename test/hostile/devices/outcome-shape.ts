import * as assert from 'uvu/assert';
import type { LoopbackCommand, LoopbackResult } from '../../../engine/loopback/index.js';
import { ScsiStatus } from '../../../engine/scsi/status.js';
import { parseSense } from '../../../initiator/sense-data.js';

const samStatuses: readonly number[] = Object.values(ScsiStatus);
const FIXED_LENGTH_MIN = 8;
const SENSE_LENGTH_MAX = 252;
const HARDWARE_ERROR = 4;
const ABORTED_COMMAND = 0xb;
const INTERNAL_TARGET_FAILURE = 0x4400;

/** Whatever the command was, what it ended with has to be something that an initiator can read. */
export function assertWellFormed({ dataInLength = 0 }: LoopbackCommand, result: LoopbackResult): void {
  const { status, sense, dataIn, dataInResidual } = result;
  assert.ok(samStatuses.includes(status), `${status} is no status of SAM`);
  assert.ok(dataIn.length <= dataInLength, `${dataIn.length} bytes of Data-In, ${dataInLength} were expected`);
  assert.is(dataIn.length, Math.min(dataInLength, dataInLength - dataInResidual), 'Data-In and its residual agree');
  if (status !== ScsiStatus.checkCondition) assert.is(sense.length, 0, 'sense data without CHECK CONDITION');
  else assertSense(Buffer.from(sense));
}

function assertSense(bytes: Buffer): void {
  const text = bytes.toString('hex');
  assert.ok(bytes.length >= FIXED_LENGTH_MIN && bytes.length <= SENSE_LENGTH_MAX, `sense data of ${bytes.length} bytes`);
  assert.is(bytes.length, FIXED_LENGTH_MIN + bytes.readUInt8(7), `ADDITIONAL SENSE LENGTH: ${text}`);
  const sense = parseSense(bytes);
  assert.ok(sense !== null, `sense data of no format: ${text}`);
  const isDefect = sense.ascAscq === INTERNAL_TARGET_FAILURE && (sense.key === HARDWARE_ERROR || sense.key === ABORTED_COMMAND);
  assert.not.ok(isDefect, 'the command failed by a defect');
  if (sense.format === 'fixed') return;
  let at = FIXED_LENGTH_MIN;
  while (at < bytes.length) {
    assert.ok(at + 2 <= bytes.length, `half a descriptor: ${text}`);
    at += 2 + bytes.readUInt8(at + 1);
  }
  assert.is(at, bytes.length, `descriptors end where the sense data does: ${text}`);
}
