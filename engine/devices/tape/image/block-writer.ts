import { encodeBlock } from './block-codec.js';
import { type DriveSettings, type LoadedTape, positionOf, usedBytes, warningsOf } from './loaded-tape.js';
import type { LogPlace } from './log-place.js';
import { LogWriter, type NewRecord } from './log-writer.js';
import type { PartitionLog } from './partition-log.js';
import { BLOCK_LENGTH_BYTES_MAX, RecordKind } from './record-header.js';
import type { TapeFault, TapeWriteOutcome } from './tape-service.js';

const nothing = new Uint8Array(0);
const filemark: NewRecord = { kind: RecordKind.filemark, flags: 0, lengthBytes: 0, stored: nothing };

/** Blocks of `blockLengthBytes` one after the other, from where the tape stands. */
export function writeBlocks(tape: LoadedTape, source: Uint8Array, blockLengthBytes: number, settings: DriveSettings): TapeWriteOutcome {
  const { image } = tape;
  const blockCount = blockLengthBytes === 0 ? 0 : source.length / blockLengthBytes;
  const lengthBytesMax = Math.min(image.limits.tapeBlockLengthBytesMax, BLOCK_LENGTH_BYTES_MAX);
  const isLengthFit = blockLengthBytes > 0 && blockLengthBytes <= lengthBytesMax && Number.isInteger(blockCount) && blockCount > 0;
  if (!isLengthFit) return refused(tape, { kind: 'blockLength' }, settings);
  return append(tape, blockCount, settings, (index, objectNumber) => {
    const block = source.subarray(index * blockLengthBytes, (index + 1) * blockLengthBytes);
    const identity = { imageId: image.header.imageId, partition: tape.log.partition, objectNumber };
    return { kind: RecordKind.block, lengthBytes: blockLengthBytes, ...encodeBlock(block, settings, identity) };
  });
}

/** Data, then the mark: where the mark is, all before it is. */
export function writeFilemarks(tape: LoadedTape, count: number, durable: boolean, settings: DriveSettings): TapeWriteOutcome {
  const { image } = tape;
  const before = durable ? image.sync() : null;
  if (before !== null) return refused(tape, before, settings);
  if (count === 0) return { ...refused(tape, null, settings), stop: 'done' };
  const outcome = append(tape, count, settings, () => filemark);
  if (!durable || outcome.fault !== null) return outcome;
  const fault = image.sync();
  if (fault !== null) return { ...outcome, stop: 'fault', fault, position: positionOf(tape, settings) };
  return { ...outcome, position: positionOf(tape, settings) };
}

/** Whether writing at `place` is refused: only a WORM cartridge with something behind it that stays. */
export function violatesWorm(isWorm: boolean, log: PartitionLog, place: LogPlace): boolean {
  if (!isWorm) return false;
  const objectsBehind = log.end.objectCount - place.objectNumber;
  const filemarksBehind = log.end.filemarkCount - place.filemarkCount;
  if (objectsBehind === 0) return false;
  // Filemarks at the end of data may be written over, so that a file can be appended to what two marks closed; the first of the tape closes its label.
  return objectsBehind !== filemarksBehind || place.filemarkCount === 0;
}

/** Records one after the other until one has no room or cannot be written. */
function append(tape: LoadedTape, count: number, settings: DriveSettings, recordOf: (index: number, objectNumber: number) => NewRecord): TapeWriteOutcome {
  const { image, log } = tape;
  if (image.readOnly) return refused(tape, { kind: 'writeProtected' }, settings);
  if (image.failure !== null) return refused(tape, image.failure, settings);
  if (violatesWorm(image.header.worm, log, tape.place)) return refused(tape, { kind: 'wormViolation' }, settings);
  const usedBefore = usedBytes(tape);
  const firstNumber = tape.place.objectNumber;
  const writer = image.writerAt(log, tape.place);
  if (!(writer instanceof LogWriter)) return refused(tape, writer, settings);
  let fault: TapeFault | null = null;
  let isFull = false;
  for (let index = 0; index < count && fault === null; index++) {
    const record = recordOf(index, firstNumber + index);
    isFull = !writer.hasRoom(record.stored.length);
    if (isFull) break;
    fault = writer.append(record);
    countRecord(tape, record);
  }
  fault ??= writer.commit();
  fault ??= image.checkpointWhenDue(log);
  tape.place = log.endPlace;
  if (fault !== null) image.traffic.add('writeErrorCount', 1);
  const { earlyAtBytes, programmableAtBytes } = warningsOf(log, settings);
  const crossed = (atBytes: number) => usedBefore < atBytes && usedBytes(tape) >= atBytes;
  return {
    stop: fault !== null ? 'fault' : isFull ? 'endOfPartition' : 'done',
    count: log.end.objectCount - firstNumber,
    crossedProgrammableEarlyWarning: settings.programmableEarlyWarningBytes > 0 && crossed(programmableAtBytes),
    crossedEarlyWarning: crossed(earlyAtBytes),
    fault,
    position: positionOf(tape, settings),
  };
}

function countRecord({ image: { traffic } }: LoadedTape, { kind, lengthBytes, stored }: NewRecord): void {
  if (kind === RecordKind.filemark) {
    traffic.add('filemarkCount', 1);
    return;
  }
  traffic.add('writtenBlockCount', 1);
  traffic.add('writtenBytes', lengthBytes);
  traffic.add('writtenStoredBytes', stored.length);
}

function refused(tape: LoadedTape, fault: TapeFault | null, settings: DriveSettings): TapeWriteOutcome {
  const position = positionOf(tape, settings);
  return { stop: 'fault', count: 0, crossedProgrammableEarlyWarning: false, crossedEarlyWarning: false, fault, position };
}
