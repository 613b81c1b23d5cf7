import { ALL_BITS, CONTROL_UNUSED } from '../cdb.js';
import type { UnitCommandRow } from '../command-table.js';
import type { ITNexus } from '../it-nexus.js';
import type { LogicalUnit } from '../logical-unit.js';
import type { Medium } from '../medium.js';
import { parameterListOf, planParameterList } from '../parameter-list.js';
import { Asc, SenseKey } from '../sense.js';
import { type BlockRange, blockCountOf, isRanges, readRanges, wrongField } from './block-ranges.js';
import { type CopyFailure, endWithFailure } from './copy-failure.js';
import { CopyManager } from './copy-manager.js';
import { COPY_TIMEOUT_SECONDS, THIRD_PARTY_COPY_OUT } from './extended-copy.js';
import { RodType } from './rod-token.js';
import { TokenWatch } from './token-watch.js';

export const LIST_IDENTIFIER_AT = 6;
export const PARAMETER_LIST_LENGTH_AT = 10;
const GROUP_NUMBER_BITS = 0x1f;

/** CDB usage data of POPULATE TOKEN and WRITE USING TOKEN. */
export function tokenCdbUsage(serviceAction: number): readonly number[] {
  return [THIRD_PARTY_COPY_OUT, serviceAction, 0, 0, 0, 0, ...new Array<number>(8).fill(ALL_BITS), GROUP_NUMBER_BITS, CONTROL_UNUSED];
}

/*
 * POPULATE TOKEN parameter list, SBC-3 "POPULATE TOKEN command".
 *
 *     0| Data Length (2) | . RTV . IMMED | Reserved             |
 *     4| Inactivity Timeout (4), seconds                        |
 *     8| ROD Type (4)                                           |
 *    12| Reserved (2) | Block Device Range Descriptor Length (2) |
 *    16/ Block device range descriptors                         /
 */
const AT = { dataLength: 0, flags: 2, idleSeconds: 4, type: 8, rangeLength: 14 } as const;
const HEADER_LENGTH = 16;
const DATA_LENGTH_MIN = 0x1e;
const RTV_BIT = 0x02;
const IMMED_BIT = 0x01;

interface TokenRequest {
  readonly isImmediate: boolean;
  readonly idleSeconds: number;
  readonly type: number;
  readonly ranges: readonly BlockRange[];
}

/** A token for ranges of this logical unit, which RECEIVE ROD TOKEN INFORMATION fetches. Nothing is copied. */
export const populateTokenRow: UnitCommandRow = {
  runsOn: 'main',
  reservation: 'read',
  opcode: THIRD_PARTY_COPY_OUT,
  serviceAction: 0x10,
  name: 'POPULATE TOKEN',
  clause: 'SBC-3 "POPULATE TOKEN command"',
  cdbLength: 16,
  cdbUsage: tokenCdbUsage(0x10),
  timeoutSeconds: COPY_TIMEOUT_SECONDS,
  plan(command) {
    planParameterList(command, command.cdbView.getUint32(PARAMETER_LIST_LENGTH_AT), PARAMETER_LIST_LENGTH_AT);
  },
  execute(command, unit, nexus, deferral) {
    if (command.plannedDataOutLength === 0) return;
    const medium = unit.medium as Medium;
    const request = readRequest(parameterListOf(command), medium, unit);
    if (!('ranges' in request)) return endWithFailure(command, request);
    unit.part(CopyManager).begin(command, nexus, deferral, {
      listIdentifier: command.cdbView.getUint32(LIST_IDENTIFIER_AT),
      serviceAction: 0x10,
      isNamed: true,
      isImmediate: request.isImmediate,
      run: (operation) => {
        const token = makeToken(unit, nexus, medium, request);
        operation.token = token.bytes;
        operation.transferredBytes = token.lengthBytes;
        return Promise.resolve(null);
      },
    });
  },
};

function readRequest(bytes: Uint8Array, medium: Medium, unit: LogicalUnit): TokenRequest | CopyFailure {
  const { limits } = unit.host.copies;
  if (bytes.length < HEADER_LENGTH) return { key: SenseKey.illegalRequest, asc: Asc.parameterListLengthError };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const flags = view.getUint8(AT.flags);
  const idleSeconds = view.getUint32(AT.idleSeconds);
  const wantedType = (flags & RTV_BIT) === 0 ? RodType.pointInTimeDefault : view.getUint32(AT.type);
  if (view.getUint16(AT.dataLength) < DATA_LENGTH_MIN) return wrongField(AT.dataLength);
  if (idleSeconds > limits.rodTokenIdleSecondsMax) return wrongField(AT.idleSeconds);
  const type = madeTypeOf(wantedType);
  if (type === null) return wrongField(AT.type);
  const ranges = readRanges(bytes, medium, { lengthAt: AT.rangeLength, rangeCountMax: limits.copyRangeCountMax });
  if (!isRanges(ranges)) return ranges;
  return { isImmediate: (flags & IMMED_BIT) !== 0, idleSeconds: idleSeconds === 0 ? limits.rodTokenIdleSeconds : idleSeconds, type, ranges };
}

/** The type of the token that is made for a type that is asked for; null for one that we do not make. */
function madeTypeOf(wantedType: number): number | null {
  if (wantedType === RodType.pointInTimeDefault) return RodType.pointInTimeChangeVulnerable;
  return wantedType === RodType.pointInTimeChangeVulnerable || wantedType === RodType.accessUponReference ? wantedType : null;
}

function makeToken(unit: LogicalUnit, nexus: ITNexus, medium: Medium, { type, ranges, idleSeconds }: TokenRequest) {
  const lengthBytes = blockCountOf(ranges) * medium.blockLengthBytes;
  const token = unit.host.copies.tokens.create({ type, unit, medium, nexus, ranges, lengthBytes, idleSeconds });
  // It also hears of a medium that goes.
  const watch = unit.part(TokenWatch);
  if (type === RodType.pointInTimeChangeVulnerable) watch.begin();
  return token;
}
