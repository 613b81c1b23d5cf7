import { readUint64 } from '../cdb.js';
import type { UnitCommandRow } from '../command-table.js';
import type { ITNexus } from '../it-nexus.js';
import type { LogicalUnit } from '../logical-unit.js';
import type { Medium } from '../medium.js';
import { parameterListOf, planParameterList } from '../parameter-list.js';
import { Asc, readSense, SenseKey } from '../sense.js';
import { ScsiStatus } from '../status.js';
import { copyBlocks } from './block-copy.js';
import { type BlockRange, blockCountOf, isRanges, readRanges, wrongField } from './block-ranges.js';
import { copyBytes } from './byte-copy.js';
import { CopyDevice } from './copy-device.js';
import { type CopyFailure, endWithFailure } from './copy-failure.js';
import { CopyManager } from './copy-manager.js';
import type { CopyOperation } from './copy-operation.js';
import { COPY_TIMEOUT_SECONDS, THIRD_PARTY_COPY_OUT } from './extended-copy.js';
import { LIST_IDENTIFIER_AT, PARAMETER_LIST_LENGTH_AT, tokenCdbUsage } from './populate-token.js';
import { isZeroToken, ROD_TOKEN_LENGTH } from './rod-token.js';
import type { RodToken } from './rod-tokens.js';

/*
 * WRITE USING TOKEN parameter list, SBC-3 "WRITE USING TOKEN command".
 *
 *     0| Data Length (2) | . DEL_TKN . IMMED | Reserved (5)       |
 *     8| Offset Into ROD (8), blocks of this logical unit         |
 *    16/ ROD Token (512)                                          /
 *   528| Reserved (6) | Block Device Range Descriptor Length (2)  |
 *   536/ Block device range descriptors                           /
 */
const AT = { dataLength: 0, flags: 2, offset: 8, token: 16, rangeLength: 534 } as const;
const HEADER_LENGTH = 536;
const DATA_LENGTH_MIN = HEADER_LENGTH - 2 + 16;
const DEL_TKN_BIT = 0x02;
const IMMED_BIT = 0x01;

interface TokenWrite {
  readonly isImmediate: boolean;
  readonly deletesToken: boolean;
  /** Null for the block device zero ROD token. */
  readonly token: RodToken | null;
  readonly offsetBytes: number;
  readonly ranges: readonly BlockRange[];
}

/** Writes what a token stands for to ranges of this logical unit. */
export const writeUsingTokenRow: UnitCommandRow = {
  runsOn: 'main',
  reservation: 'write',
  opcode: THIRD_PARTY_COPY_OUT,
  serviceAction: 0x11,
  name: 'WRITE USING TOKEN',
  clause: 'SBC-3 "WRITE USING TOKEN command"',
  cdbLength: 16,
  cdbUsage: tokenCdbUsage(0x11),
  timeoutSeconds: COPY_TIMEOUT_SECONDS,
  plan(command) {
    planParameterList(command, command.cdbView.getUint32(PARAMETER_LIST_LENGTH_AT), PARAMETER_LIST_LENGTH_AT);
  },
  execute(command, unit, nexus, deferral) {
    if (command.plannedDataOutLength === 0) return;
    const request = readRequest(parameterListOf(command), unit.medium as Medium, unit);
    if (!('ranges' in request)) return endWithFailure(command, request);
    unit.part(CopyManager).begin(command, nexus, deferral, {
      listIdentifier: command.cdbView.getUint32(LIST_IDENTIFIER_AT),
      serviceAction: 0x11,
      isNamed: true,
      isImmediate: request.isImmediate,
      run: (operation) => writeFromToken(unit, nexus, operation, request),
    });
  },
};

function readRequest(bytes: Uint8Array, medium: Medium, unit: LogicalUnit): TokenWrite | CopyFailure {
  const { limits, tokens } = unit.host.copies;
  if (bytes.length < HEADER_LENGTH) return { key: SenseKey.illegalRequest, asc: Asc.parameterListLengthError };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const flags = view.getUint8(AT.flags);
  if (view.getUint16(AT.dataLength) < DATA_LENGTH_MIN) return wrongField(AT.dataLength);
  const ranges = readRanges(bytes, medium, { lengthAt: AT.rangeLength, rangeCountMax: limits.copyRangeCountMax });
  if (!isRanges(ranges)) return ranges;
  const tokenBytes = bytes.subarray(AT.token, AT.token + ROD_TOKEN_LENGTH);
  const token = isZeroToken(tokenBytes) ? null : tokens.find(tokenBytes);
  if (typeof token === 'number') return { key: SenseKey.illegalRequest, asc: token };
  const offsetBytes = readUint64(view, AT.offset) * medium.blockLengthBytes;
  if (token !== null && offsetBytes + blockCountOf(ranges) * medium.blockLengthBytes > token.lengthBytes) return wrongField(AT.offset);
  return { isImmediate: (flags & IMMED_BIT) !== 0, deletesToken: (flags & DEL_TKN_BIT) !== 0, token, offsetBytes, ranges };
}

async function writeFromToken(unit: LogicalUnit, nexus: ITNexus, operation: CopyOperation, request: TokenWrite): Promise<CopyFailure | null> {
  const destination = new CopyDevice({ unit, nexus, end: 'destination', operation });
  const { token, ranges } = request;
  if (token === null) return ownFailure(await writeZeros(destination, ranges));
  const { tokens } = unit.host.copies;
  tokens.hold(token);
  try {
    const failure = ownFailure(await writeExtents(destination, token, request));
    if (failure === null && request.deletesToken && !operation.isAborted) tokens.delete(token);
    return failure;
  } finally {
    tokens.release(token);
  }
}

async function writeZeros(destination: CopyDevice, ranges: readonly BlockRange[]): Promise<CopyFailure | null> {
  const { blockLengthBytes, zeroBlocksMax, operation } = destination;
  for (const { lba, count } of ranges) {
    for (let done = 0; done < count && !operation.isAborted; done += zeroBlocksMax) {
      const blocks = Math.min(zeroBlocksMax, count - done);
      const failure = await destination.zero(lba + done, blocks);
      if (failure !== null) return failure;
      operation.transferredBytes += blocks * blockLengthBytes;
    }
  }
  return null;
}

/** Walks the ranges of the token and those of the command together. */
async function writeExtents(destination: CopyDevice, token: RodToken, { offsetBytes, ranges }: TokenWrite): Promise<CopyFailure | null> {
  const { operation } = destination;
  const source = new CopyDevice({ unit: token.unit, nexus: token.nexus, end: 'source', operation });
  const isStale = () => (token.endedBy === null ? null : { key: SenseKey.illegalRequest, asc: token.endedBy });
  const from = new RangeWalk(token.ranges, source.blockLengthBytes);
  const to = new RangeWalk(ranges, destination.blockLengthBytes);
  from.skip(offsetBytes);
  while (!to.isAtEnd && !operation.isAborted) {
    const lengthBytes = Math.min(from.remainingBytes, to.remainingBytes);
    const isWhole = [from.offsetBytes, to.offsetBytes, lengthBytes % source.blockLengthBytes, lengthBytes % destination.blockLengthBytes].every(
      (rest) => rest === 0,
    );
    const failure = isWhole
      ? await copyBlocks({ source, sourceLba: from.lba, destination, destinationLba: to.lba, lengthBytes, isStale })
      : await copyBytes({ source: { device: source, ...from.place }, destination: { device: destination, ...to.place }, lengthBytes, isStale });
    if (failure !== null) return failure;
    from.skip(lengthBytes);
    to.skip(lengthBytes);
  }
  return null;
}

/** A position in a list of ranges. */
class RangeWalk {
  readonly #ranges: readonly BlockRange[];
  readonly #blockLengthBytes: number;
  #index = 0;
  /** In the range at `#index`. */
  #atByte = 0;

  constructor(ranges: readonly BlockRange[], blockLengthBytes: number) {
    this.#ranges = ranges.filter(({ count }) => count > 0);
    this.#blockLengthBytes = blockLengthBytes;
  }

  get isAtEnd(): boolean {
    return this.#index === this.#ranges.length;
  }

  get remainingBytes(): number {
    return this.#range.count * this.#blockLengthBytes - this.#atByte;
  }

  get lba(): number {
    return this.#range.lba + Math.floor(this.#atByte / this.#blockLengthBytes);
  }

  get offsetBytes(): number {
    return this.#atByte % this.#blockLengthBytes;
  }

  get place(): { lba: number; offsetBytes: number } {
    return { lba: this.lba, offsetBytes: this.offsetBytes };
  }

  skip(lengthBytes: number): void {
    let left = lengthBytes;
    while (!this.isAtEnd && left >= this.remainingBytes) {
      left -= this.remainingBytes;
      this.#index++;
      this.#atByte = 0;
    }
    this.#atByte += left;
  }

  get #range(): BlockRange {
    return this.#ranges[this.#index] as BlockRange;
  }
}

const VALID_BIT = 0x80;

/** What the destination found is this logical unit's own error: hosts look for SPACE ALLOCATION FAILED and its like, and not for a third party. */
function ownFailure(failure: CopyFailure | null): CopyFailure | null {
  const device = failure?.device;
  if (device === undefined || device.end === 'source' || device.status !== ScsiStatus.checkCondition) return failure;
  const { sense } = device;
  const view = new DataView(sense.buffer, sense.byteOffset, sense.length);
  const information = ((sense[0] as number) & VALID_BIT) === 0 ? {} : { information: view.getUint32(3) };
  return { ...readSense(sense), ...information };
}
