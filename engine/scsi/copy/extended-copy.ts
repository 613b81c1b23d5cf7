import { ALL_BITS, CONTROL_UNUSED } from '../cdb.js';
import type { UnitCommandRow } from '../command-table.js';
import type { ITNexus } from '../it-nexus.js';
import type { LogicalUnit } from '../logical-unit.js';
import { parameterListOf, planParameterList } from '../parameter-list.js';
import { Asc, invalidFieldInCdb, SenseKey } from '../sense.js';
import { copyBlocks } from './block-copy.js';
import { copyBytes } from './byte-copy.js';
import { CopyDevice } from './copy-device.js';
import { type CopyFailure, type DeviceFailure, endWithFailure } from './copy-failure.js';
import { type CopyList, isCopyList, readLid1List, readLid4List } from './copy-list.js';
import { CopyManager } from './copy-manager.js';
import type { CopyOperation } from './copy-operation.js';
import { type CopySegment, DESTINATION_ID_AT, SegmentType, SOURCE_ID_AT } from './copy-segment.js';
import { type CopyTarget, findTarget, THIS_LOGICAL_UNIT } from './copy-target.js';
import { copyInexact, Residual } from './inexact-copy.js';

/** THIRD-PARTY COPY OUT, SPC-4 "Third-party copy commands". */
export const THIRD_PARTY_COPY_OUT = 0x83;
const PARAMETER_LIST_LENGTH_AT = 10;
/** A copy takes as long as what it copies: hosts should not give up soon. */
export const COPY_TIMEOUT_SECONDS = { nominal: 60, recommended: 3600 } as const;

/*
 * EXTENDED COPY, SPC-4 "EXTENDED COPY(LID1) command" and "EXTENDED COPY(LID4) command".
 *
 *     0| 0x83 | . Service Action | Reserved (8)       |
 *    10| Parameter List Length (4) | Reserved | Control |
 */
function extendedCopyRow(serviceAction: number, name: string, read: typeof readLid1List): UnitCommandRow {
  return {
    runsOn: 'main',
    reservation: 'write',
    opcode: THIRD_PARTY_COPY_OUT,
    serviceAction,
    name,
    clause: `SPC-4 "${name} command"`,
    cdbLength: 16,
    cdbUsage: [THIRD_PARTY_COPY_OUT, serviceAction, 0, 0, 0, 0, 0, 0, 0, 0, ALL_BITS, ALL_BITS, ALL_BITS, ALL_BITS, 0, CONTROL_UNUSED],
    timeoutSeconds: COPY_TIMEOUT_SECONDS,
    plan(command) {
      planParameterList(command, command.cdbView.getUint32(PARAMETER_LIST_LENGTH_AT), PARAMETER_LIST_LENGTH_AT);
    },
    execute(command, unit, nexus, deferral) {
      // SPC-4: no parameter list is nothing to do, and no error.
      if (command.plannedDataOutLength === 0) return;
      const list = read(parameterListOf(command), unit.host.copies.limits);
      if (!isCopyList(list)) return endWithFailure(command, list);
      unit.part(CopyManager).begin(command, nexus, deferral, {
        listIdentifier: list.listIdentifier,
        serviceAction,
        isNamed: list.isNamed,
        isImmediate: list.isImmediate,
        run: (operation) => copySegments({ unit, nexus, list, operation, residual: new Residual() }),
      });
    },
  };
}

export const extendedCopyRows: readonly UnitCommandRow[] = [
  extendedCopyRow(0x00, 'EXTENDED COPY(LID1)', readLid1List),
  extendedCopyRow(0x01, 'EXTENDED COPY(LID4)', readLid4List),
];

/*
 * COPY OPERATION ABORT, SPC-4 "COPY OPERATION ABORT command".
 *
 *     0| 0x83 | . 0x1c | List Identifier (4) | Reserved (9) | Control |
 */
const ABORTED_LIST_IDENTIFIER_AT = 2;

export const copyOperationAbortRow: UnitCommandRow = {
  runsOn: 'main',
  reservation: 'write',
  opcode: THIRD_PARTY_COPY_OUT,
  serviceAction: 0x1c,
  name: 'COPY OPERATION ABORT',
  clause: 'SPC-4 "COPY OPERATION ABORT command"',
  cdbLength: 16,
  cdbUsage: [THIRD_PARTY_COPY_OUT, 0x1c, ALL_BITS, ALL_BITS, ALL_BITS, ALL_BITS, 0, 0, 0, 0, 0, 0, 0, 0, 0, CONTROL_UNUSED],
  execute(command, unit, nexus, deferral) {
    const operation = unit.part(CopyManager).find(nexus, command.cdbView.getUint32(ABORTED_LIST_IDENTIFIER_AT));
    if (operation === undefined || operation.isDone) return invalidFieldInCdb(command, ABORTED_LIST_IDENTIFIER_AT);
    operation.abort();
    operation.whenDone(deferral.defer());
  },
};

interface SegmentCopy {
  readonly unit: LogicalUnit;
  readonly nexus: ITNexus;
  readonly list: CopyList;
  readonly operation: CopyOperation;
  readonly residual: Residual;
}

/** One after the other: a segment may read what the one before it wrote. */
async function copySegments(copy: SegmentCopy): Promise<CopyFailure | null> {
  const { list, operation } = copy;
  for (const [index, segment] of list.segments.entries()) {
    if (operation.isAborted) return null;
    const failure = await copySegment(copy, segment, index);
    if (failure !== null) return { segment: index, ...failure };
    operation.segmentsProcessed++;
  }
  return null;
}

async function copySegment(copy: SegmentCopy, segment: CopySegment, index: number): Promise<CopyFailure | null> {
  const source = findDevice(copy, segment.sourceId, 'source', index);
  if (!(source instanceof CopyDevice)) return { ...source, pointer: { byte: SOURCE_ID_AT, inSegment: true } };
  const destination = findDevice(copy, segment.destinationId, 'destination', index);
  if (!(destination instanceof CopyDevice)) return { ...destination, pointer: { byte: DESTINATION_ID_AT, inSegment: true } };
  if (segment.type === SegmentType.blockToStream) {
    const pointer = { byte: DESTINATION_ID_AT, inSegment: true };
    return { key: SenseKey.copyAborted, asc: Asc.incorrectCopyTargetDeviceType, pointer };
  }
  const failure = source.refusal() ?? destination.refusal();
  if (failure !== null) return failure;
  if (segment.type === SegmentType.blockToBlockWithOffset) return copyWithOffset(source, destination, segment);
  return copyCountedBlocks(copy, source, destination, segment, index);
}

function copyWithOffset(source: CopyDevice, destination: CopyDevice, segment: CopySegment): Promise<CopyFailure | null> {
  return copyBytes({
    source: { device: source, lba: segment.sourceLba, offsetBytes: segment.sourceOffsetBytes },
    destination: { device: destination, lba: segment.destinationLba, offsetBytes: segment.destinationOffsetBytes },
    lengthBytes: segment.byteCount,
  });
}

function copyCountedBlocks(copy: SegmentCopy, source: CopyDevice, destination: CopyDevice, segment: CopySegment, index: number): Promise<CopyFailure | null> {
  const lengthBytes = segment.blockCount * (segment.dc ? destination : source).blockLengthBytes;
  const extent = { source, sourceLba: segment.sourceLba, destination, destinationLba: segment.destinationLba, lengthBytes };
  const isExact = lengthBytes % source.blockLengthBytes === 0 && lengthBytes % destination.blockLengthBytes === 0;
  if (isExact && copy.residual.isEmpty) return copyBlocks(extent);
  return copyInexact({
    ...extent,
    segment: index,
    isLastSegment: index === copy.list.segments.length - 1,
    cat: segment.cat,
    sourcePad: targetOf(copy, segment.sourceId)?.pad ?? false,
    destinationPad: targetOf(copy, segment.destinationId)?.pad ?? false,
    residual: copy.residual,
  });
}

function targetOf(copy: SegmentCopy, id: number): CopyTarget | undefined {
  return copy.list.targets[id];
}

function findDevice(copy: SegmentCopy, id: number, end: DeviceFailure['end'], segment: number): CopyDevice | CopyFailure {
  const { unit, nexus, operation } = copy;
  if (id === THIS_LOGICAL_UNIT) return new CopyDevice({ unit, nexus, end, operation, segment });
  const target = targetOf(copy, id);
  if (target === undefined) return { key: SenseKey.copyAborted, asc: Asc.unreachableCopyTarget };
  const found = findTarget(unit, nexus, target);
  return 'key' in found ? found : new CopyDevice({ unit: found, nexus, end, operation, segment });
}
