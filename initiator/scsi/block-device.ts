import { SenseKey } from '../../engine/scsi/sense-codes.js';
import { InitiatorError } from '../errors.js';
import { initiatorLimits } from '../limits.js';
import type { CacheFlags, CdbLength, Lba, LbaRange } from './block-cdbs.js';
import { namingBlockless } from './blockless.js';
import type { LogicalUnitClient } from './logical-unit-client.js';
import { type Piece, runPieces } from './pieces.js';
import type { Capacity, LbaStatus } from './reports.js';
import { ScsiError } from './scsi-errors.js';
import { type BlockLimits, type LogicalBlockProvisioning, VpdPageCode } from './vpd-pages.js';

export interface BlockDeviceOptions {
  /** Commands of one call that are out at the same time. */
  readonly depth?: number;
  /** Bytes of one command; what the unit's Block Limits say is never exceeded. */
  readonly transferLengthBytesMax?: number;
}

/** How reads and writes are said: the longest form that is needed unless told. */
export interface TransferOptions extends CacheFlags {
  readonly cdbLength?: CdbLength;
}

interface Geometry {
  readonly capacity: Capacity;
  readonly limits: BlockLimits | null;
  readonly provisioning: LogicalBlockProvisioning | null;
}

const DEPTH = 8;
const U32_MAX = 0xffffffff;

/**
 * A disk of any size behind a logical unit: each call reads, writes, verifies… as many blocks as it is asked to, cut into
 * commands that the unit takes (Block Limits VPD page) and sent several at a time. A call that fails has sent some of them.
 * Each throws as `LogicalUnitClient` and `InitiatorError` `ARGUMENT_INVALID` for what lies beyond the end.
 */
export class BlockDevice {
  readonly unit: LogicalUnitClient;
  readonly lbaCount: bigint;
  readonly blockLengthBytes: number;
  readonly capacity: Capacity;
  /** Null when the unit does not tell. */
  readonly limits: BlockLimits | null;
  /** Null when the unit does not tell. */
  readonly provisioning: LogicalBlockProvisioning | null;
  /** Blocks that one command reads or writes. */
  readonly transferBlocksMax: number;
  readonly #depth: number;

  private constructor(unit: LogicalUnitClient, { capacity, limits, provisioning }: Geometry, options: BlockDeviceOptions) {
    this.unit = unit;
    this.capacity = capacity;
    this.lbaCount = capacity.lbaCount;
    this.blockLengthBytes = capacity.blockLengthBytes;
    this.limits = limits;
    this.provisioning = provisioning;
    this.#depth = options.depth ?? DEPTH;
    const wanted = Math.floor((options.transferLengthBytesMax ?? initiatorLimits.transferLengthBytesMax) / this.blockLengthBytes);
    this.transferBlocksMax = Math.max(1, Math.min(wanted, orEndless(limits?.transferLengthMax)));
    if (!Number.isInteger(this.#depth) || this.#depth < 1) throw new InitiatorError('ARGUMENT_INVALID', `depth ${this.#depth} is no whole number from 1`);
  }

  /** Asks the unit how large it is and what it takes. Takes the unit attentions that wait. Throws `TARGET_FAILURE` for block length 0. */
  static async open(unit: LogicalUnitClient, options: BlockDeviceOptions = {}): Promise<BlockDevice> {
    await unit.clearUnitAttentions();
    const capacity = await namingBlockless(unit, askCapacity(unit));
    if (capacity.blockLengthBytes === 0) throw new InitiatorError('TARGET_FAILURE', `LUN ${unit.lun} has blocks of no length`);
    const pages: readonly number[] = await unlessUnknown(unit.vpd('supportedPages'), []);
    const limits = pages.includes(VpdPageCode.blockLimits) ? await unlessUnknown(unit.vpd('blockLimits'), null) : null;
    const provisioning = pages.includes(VpdPageCode.logicalBlockProvisioning) ? await unlessUnknown(unit.vpd('logicalBlockProvisioning'), null) : null;
    return new BlockDevice(unit, { capacity, limits, provisioning }, options);
  }

  get sizeBytes(): bigint {
    return this.lbaCount * BigInt(this.blockLengthBytes);
  }

  async read(lba: Lba, lbaCount: number, options: TransferOptions = {}): Promise<Buffer> {
    const bytes = this.blockLengthBytes;
    const parts: Buffer[] = [];
    await this.#pieces(lba, lbaCount, this.transferBlocksMax, async (piece) => {
      const data = await this.unit.read(piece.lba, piece.lbaCount, bytes, options);
      // GOOD with a residual: the target says itself that this is not what was asked for.
      if (data.length !== piece.lbaCount * bytes) {
        throw new InitiatorError('TARGET_FAILURE', `READ of ${piece.lbaCount * bytes} bytes at LBA ${piece.lba} brought ${data.length}`);
      }
      parts[piece.index] = data;
    });
    return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
  }

  /** `data` is a multiple of the block length and must stay unchanged until then. */
  async write(lba: Lba, data: Uint8Array, options: TransferOptions = {}): Promise<void> {
    await this.#pieces(lba, this.#blocksOf(data), this.transferBlocksMax, (piece) =>
      this.unit.write(piece.lba, this.#partOf(data, piece), this.blockLengthBytes, options),
    );
  }

  /** WRITE AND VERIFY; `compare` has the unit compare what it wrote with what it was sent. */
  async writeAndVerify(lba: Lba, data: Uint8Array, compare = false, options: TransferOptions = {}): Promise<void> {
    await this.#pieces(lba, this.#blocksOf(data), this.transferBlocksMax, (piece) =>
      this.unit.writeAndVerify(piece.lba, this.#partOf(data, piece), this.blockLengthBytes, compare, options),
    );
  }

  /** Verifies the medium. */
  async verify(lba: Lba, lbaCount: number): Promise<void> {
    await this.#pieces(lba, lbaCount, orEndless(this.limits?.transferLengthMax), (piece) => this.unit.verify(piece.lba, piece.lbaCount));
  }

  /** Has the unit compare; throws `ScsiError` with MISCOMPARE where it is something else. */
  async verifyData(lba: Lba, data: Uint8Array): Promise<void> {
    await this.#pieces(lba, this.#blocksOf(data), this.transferBlocksMax, (piece) => this.unit.verify(piece.lba, piece.lbaCount, this.#partOf(data, piece)));
  }

  async orWrite(lba: Lba, data: Uint8Array, options: CacheFlags = {}): Promise<void> {
    await this.#pieces(lba, this.#blocksOf(data), this.transferBlocksMax, (piece) =>
      this.unit.orWrite(piece.lba, this.#partOf(data, piece), this.blockLengthBytes, options),
    );
  }

  /** Atomic, so it is never split: throws `ARGUMENT_INVALID` above what the unit takes. */
  async compareAndWrite(lba: Lba, expected: Uint8Array, data: Uint8Array, options: CacheFlags = {}): Promise<void> {
    const lbaCount = this.#blocksOf(data);
    const max = this.limits?.compareAndWriteLengthMax ?? 0;
    if (max > 0 && lbaCount > max) throw new InitiatorError('ARGUMENT_INVALID', `the unit compares and writes up to ${max} blocks, not ${lbaCount}`);
    this.#check(lba, lbaCount);
    await this.unit.compareAndWrite(lba, expected, data, this.blockLengthBytes, options);
  }

  /** The same block everywhere; null writes zeros. `unmap` lets the unit deallocate where that reads the same. */
  async writeSame(lba: Lba, lbaCount: number, block: Uint8Array | null, options: { readonly unmap?: boolean; readonly anchor?: boolean } = {}): Promise<void> {
    const limit = this.limits?.writeSameLengthMax ?? 0n;
    // A unit that tells no maximum takes any number, which is more than one command can take its time for.
    const countMax = limit === 0n || limit > BigInt(initiatorLimits.writeSameBlocksMax) ? initiatorLimits.writeSameBlocksMax : Number(limit);
    await this.#pieces(lba, lbaCount, countMax, (piece) => this.unit.writeSame(piece.lba, piece.lbaCount, block, options));
  }

  /** Any number of ranges of any length, in as few UNMAP commands as the unit takes. */
  async unmap(ranges: readonly LbaRange[], anchor = false): Promise<void> {
    for (const { lba, lbaCount } of ranges) this.#check(lba, lbaCount);
    const lbaMax = orEndless(this.limits?.unmapLbaCountMax);
    const rangeMax = Math.min(orEndless(this.limits?.unmapDescriptorCountMax), initiatorLimits.unmapRangeCountMax);
    for (const batch of unmapBatches(ranges, lbaMax, rangeMax)) await this.unit.unmap(batch, anchor);
  }

  /** Answers whether all of it fits the unit's cache. */
  async prefetch(lba: Lba, lbaCount: number): Promise<boolean> {
    let fits = true;
    await this.#pieces(lba, lbaCount, orEndless(this.limits?.prefetchLengthMax), async (piece) => {
      if (!(await this.unit.prefetch(piece.lba, piece.lbaCount))) fits = false;
    });
    return fits;
  }

  /** How the blocks are provisioned, run by run; equal neighbours are one. Throws `TARGET_FAILURE` when the unit gets nowhere. */
  async getLbaStatus(lba: Lba, lbaCount: number | bigint): Promise<LbaStatus[]> {
    const runs: LbaStatus[] = [];
    const end = BigInt(lba) + BigInt(lbaCount);
    for (let at = BigInt(lba); at < end; ) {
      const before = at;
      for (const run of await this.unit.getLbaStatus(at)) {
        if (run.lba + BigInt(run.lbaCount) <= at || run.lba > at || at >= end) continue;
        const count = Number(minOf(run.lba + BigInt(run.lbaCount), end) - at);
        addRun(runs, { lba: at, lbaCount: count, provisioningStatus: run.provisioningStatus });
        at += BigInt(count);
      }
      if (at === before) throw new InitiatorError('TARGET_FAILURE', `GET LBA STATUS tells nothing of LBA ${at}`);
    }
    return runs;
  }

  /** The whole unit unless told. */
  async synchronizeCache(lba: Lba = 0, lbaCount = 0): Promise<void> {
    await this.unit.synchronizeCache(lba, lbaCount);
  }

  #check(lba: Lba, lbaCount: number): void {
    const isWhole = Number.isSafeInteger(lbaCount) && lbaCount >= 0 && (typeof lba === 'bigint' || Number.isSafeInteger(lba)) && lba >= 0;
    if (isWhole && BigInt(lba) + BigInt(lbaCount) <= this.lbaCount) return;
    throw new InitiatorError('ARGUMENT_INVALID', `${lbaCount} blocks at LBA ${lba} are not within the ${this.lbaCount} blocks of LUN ${this.unit.lun}`);
  }

  #pieces(lba: Lba, lbaCount: number, countMax: number, run: (piece: Piece) => Promise<void>): Promise<void> {
    this.#check(lba, lbaCount);
    return runPieces(lba, lbaCount, Math.min(countMax, U32_MAX), this.#depth, run);
  }

  #partOf(data: Uint8Array, { offset, lbaCount }: Piece): Uint8Array {
    return data.subarray(offset * this.blockLengthBytes, (offset + lbaCount) * this.blockLengthBytes);
  }

  #blocksOf(data: Uint8Array): number {
    if (data.length % this.blockLengthBytes === 0) return data.length / this.blockLengthBytes;
    throw new InitiatorError('ARGUMENT_INVALID', `${data.length} bytes are no whole blocks of ${this.blockLengthBytes}`);
  }
}

/** 0 and nothing both mean that the unit does not say. */
function orEndless(max: number | undefined): number {
  return max === undefined || max === 0 ? U32_MAX : max;
}

function minOf(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

/** (16) knows provisioning and large units; (10) is what old units have. */
async function askCapacity(unit: LogicalUnitClient): Promise<Capacity> {
  return (await unlessUnknown(unit.readCapacity16(), null)) ?? unit.readCapacity();
}

/** A command or a page that a unit does not know is refused with ILLEGAL REQUEST; that says enough. */
async function unlessUnknown<T, U>(pending: Promise<T>, otherwise: U): Promise<T | U> {
  try {
    return await pending;
  } catch (error) {
    if (error instanceof ScsiError && error.senseKey === SenseKey.illegalRequest) return otherwise;
    throw error;
  }
}

function addRun(runs: LbaStatus[], run: LbaStatus): void {
  const last = runs.at(-1);
  if (last !== undefined && last.provisioningStatus === run.provisioningStatus) {
    runs[runs.length - 1] = { ...last, lbaCount: last.lbaCount + run.lbaCount };
  } else {
    runs.push(run);
  }
}

/** Cuts ranges so that no command exceeds `lbaMax` blocks and `rangeMax` ranges. */
export function unmapBatches(ranges: readonly LbaRange[], lbaMax: number, rangeMax: number): LbaRange[][] {
  const batches: LbaRange[][] = [];
  let batch: LbaRange[] = [];
  let room = lbaMax;
  for (const range of ranges) {
    for (let done = 0; done < range.lbaCount; ) {
      if (room === 0 || batch.length === rangeMax) {
        batches.push(batch);
        batch = [];
        room = lbaMax;
      }
      const lbaCount = Math.min(range.lbaCount - done, room, U32_MAX);
      batch.push({ lba: BigInt(range.lba) + BigInt(done), lbaCount });
      room -= lbaCount;
      done += lbaCount;
    }
  }
  if (batch.length > 0) batches.push(batch);
  return batches;
}
