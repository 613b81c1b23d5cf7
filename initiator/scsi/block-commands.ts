import { ScsiStatus } from '../../engine/scsi/status.js';
import type { CommandOptions, CommandResult } from '../command-exchange.js';
import { InitiatorError } from '../errors.js';
import * as cdbs from './block-cdbs.js';
import { type Capacity, type LbaStatus, parseCapacity10, parseCapacity16, parseLbaStatus } from './reports.js';
import { type CommandRunner, runForData } from './run-command.js';

/** How a block command is said. */
export interface BlockCommandOptions extends cdbs.CacheFlags {
  /** 10 where it can say it, 16 otherwise, unless told. */
  readonly cdbLength?: cdbs.CdbLength;
}

export type ShortFormOptions = Omit<BlockCommandOptions, 'cdbLength'> & { readonly cdbLength?: 10 | 16 };

export interface WriteSameOptions extends cdbs.WriteSameFlags {
  /** 10 where it can say it, 16 otherwise, unless told. */
  readonly cdbLength?: 10 | 16 | 32;
}

type Lba = cdbs.Lba;

const CAPACITY_10_LENGTH = 8;
const CAPACITY_16_LENGTH = 32;
const CAPACITY_16_LENGTH_MIN = 12;
const CAPACITY_10_OVERFLOW = 0xffffffffn;
const LBA_STATUS_LENGTH_MAX = 8 + 16 * 256;

/** The commands of SBC-3 on a logical unit; each method is one command. `LogicalUnitClient` has those of SPC-4 too. */
export abstract class BlockCommands implements CommandRunner {
  abstract run(label: string, options: Omit<CommandOptions, 'lun'>): Promise<CommandResult>;

  /** READ CAPACITY (10), and (16) when the unit is too large for it. */
  async readCapacity(): Promise<Capacity> {
    const capacity = await this.readCapacity10();
    return capacity.lbaCount > CAPACITY_10_OVERFLOW ? this.readCapacity16() : capacity;
  }

  async readCapacity10(): Promise<Capacity> {
    return parseCapacity10(await runForData(this, 'READ CAPACITY (10)', cdbs.readCapacity10Cdb(), CAPACITY_10_LENGTH, CAPACITY_10_LENGTH));
  }

  async readCapacity16(): Promise<Capacity> {
    const cdb = cdbs.readCapacity16Cdb(CAPACITY_16_LENGTH);
    return parseCapacity16(await runForData(this, 'READ CAPACITY (16)', cdb, CAPACITY_16_LENGTH, CAPACITY_16_LENGTH_MIN));
  }

  /** Reads `lbaCount` blocks of `blockLengthBytes`. Fewer bytes than that come only with an underflow that the target tells. */
  async read(lba: Lba, lbaCount: number, blockLengthBytes: number, options: BlockCommandOptions = {}): Promise<Buffer> {
    const form = formFor(options.cdbLength, lba, lbaCount);
    const dataInLength = lbaCount * blockLengthBytes;
    const { dataIn } = await this.run(`READ (${form})`, { cdb: cdbs.readCdb(form, lba, lbaCount, options), dataInLength });
    return dataIn;
  }

  /** Writes `data`, a multiple of `blockLengthBytes` long; it must stay unchanged until then. */
  async write(lba: Lba, data: Uint8Array, blockLengthBytes: number, options: BlockCommandOptions = {}): Promise<void> {
    const lbaCount = blocksOf(data, blockLengthBytes);
    const form = formFor(options.cdbLength, lba, lbaCount);
    await this.run(`WRITE (${form})`, { cdb: cdbs.writeCdb(form, lba, lbaCount, options), dataOut: data });
  }

  /** WRITE AND VERIFY; `compare` has the unit compare what it wrote with what it was sent. */
  async writeAndVerify(lba: Lba, data: Uint8Array, blockLengthBytes: number, compare = false, options: BlockCommandOptions = {}): Promise<void> {
    const lbaCount = blocksOf(data, blockLengthBytes);
    const form = formFor(options.cdbLength, lba, lbaCount);
    await this.run(`WRITE AND VERIFY (${form})`, { cdb: cdbs.writeAndVerifyCdb(form, lba, lbaCount, compare ? 1 : 0), dataOut: data });
  }

  /** VERIFY of the medium, or against `data` when there is some. */
  async verify(lba: Lba, lbaCount: number, data?: Uint8Array, options: BlockCommandOptions = {}): Promise<void> {
    const form = formFor(options.cdbLength, lba, lbaCount);
    const cdb = cdbs.verifyCdb(form, lba, lbaCount, data === undefined ? 0 : 1);
    await this.run(`VERIFY (${form})`, data === undefined ? { cdb } : { cdb, dataOut: data });
  }

  /** VERIFY of every block against the same one. */
  async verifySame(lba: Lba, lbaCount: number, block: Uint8Array, options: BlockCommandOptions = {}): Promise<void> {
    const form = formFor(options.cdbLength, lba, lbaCount);
    await this.run(`VERIFY (${form})`, { cdb: cdbs.verifyCdb(form, lba, lbaCount, 3), dataOut: block });
  }

  /** Writes `data` where `expected` is; throws `ScsiError` with MISCOMPARE where it is not. Both are as long. */
  async compareAndWrite(lba: Lba, expected: Uint8Array, data: Uint8Array, blockLengthBytes: number, flags: cdbs.CacheFlags = {}): Promise<void> {
    if (expected.length !== data.length) throw new InitiatorError('ARGUMENT_INVALID', `${expected.length} bytes to compare and ${data.length} to write`);
    const cdb = cdbs.compareAndWriteCdb(lba, blocksOf(data, blockLengthBytes), flags);
    await this.run('COMPARE AND WRITE', { cdb, dataOut: Buffer.concat([expected, data]) });
  }

  /** Writes the same `block` everywhere; null, with NDOB, writes zeros. */
  async writeSame(lba: Lba, lbaCount: number, block: Uint8Array | null, options: WriteSameOptions = {}): Promise<void> {
    const { cdbLength, ...flags } = options;
    const form = cdbLength ?? (block !== null && cdbs.fitsCdb10(lba, lbaCount) ? 10 : 16);
    const cdb = cdbs.writeSameCdb(form, lba, lbaCount, { ...flags, noDataOut: block === null });
    await this.run(`WRITE SAME (${form})`, block === null ? { cdb } : { cdb, dataOut: block });
  }

  async unmap(ranges: readonly cdbs.LbaRange[], anchor = false): Promise<void> {
    const dataOut = cdbs.unmapParameterList(ranges);
    await this.run('UNMAP', { cdb: cdbs.unmapCdb(dataOut.length, anchor), dataOut });
  }

  /** How the blocks from `lba` on are provisioned: as many runs as the unit likes to tell at once. */
  async getLbaStatus(lba: Lba): Promise<LbaStatus[]> {
    return parseLbaStatus(await runForData(this, 'GET LBA STATUS', cdbs.getLbaStatusCdb(lba, LBA_STATUS_LENGTH_MAX), LBA_STATUS_LENGTH_MAX, 8));
  }

  /** What is there becomes what is there OR `data`. */
  async orWrite(lba: Lba, data: Uint8Array, blockLengthBytes: number, flags: cdbs.CacheFlags = {}): Promise<void> {
    await this.run('ORWRITE (16)', { cdb: cdbs.orWriteCdb(lba, blocksOf(data, blockLengthBytes), flags), dataOut: data });
  }

  /** Writes all of `data` or nothing; LBA and length are multiples of what the Block Limits VPD page tells. */
  async writeAtomic(lba: Lba, data: Uint8Array, blockLengthBytes: number, options: cdbs.CacheFlags & { readonly boundary?: number } = {}): Promise<void> {
    const cdb = cdbs.writeAtomicCdb(lba, blocksOf(data, blockLengthBytes), options.boundary, options);
    await this.run('WRITE ATOMIC (16)', { cdb, dataOut: data });
  }

  /** Asks for blocks to be brought into the cache; answers whether they all fit there. */
  async prefetch(lba: Lba, lbaCount: number, options: { readonly cdbLength?: 10 | 16; readonly immediate?: boolean } = {}): Promise<boolean> {
    const form = shortFormFor(options.cdbLength, lba, lbaCount);
    const { status } = await this.run(`PRE-FETCH (${form})`, { cdb: cdbs.prefetchCdb(form, lba, lbaCount, options.immediate) });
    // SBC-3 "PRE-FETCH (10) command": GOOD when they did not all fit.
    return status === ScsiStatus.conditionMet;
  }

  /** The whole unit unless told; `lbaCount` 0 means up to its end. */
  async synchronizeCache(lba: Lba = 0, lbaCount = 0, options: ShortFormOptions & { readonly immediate?: boolean } = {}): Promise<void> {
    const form = shortFormFor(options.cdbLength, lba, lbaCount);
    await this.run(`SYNCHRONIZE CACHE (${form})`, { cdb: cdbs.synchronizeCacheCdb(form, lba, lbaCount, options.immediate) });
  }

  /** Writes `data`, unless `disableWrite`, and answers what was there XOR `data`: a bidirectional command. */
  async xdWriteRead(
    lba: Lba,
    data: Uint8Array,
    blockLengthBytes: number,
    options: cdbs.CacheFlags & { readonly cdbLength?: 10 | 32; readonly disableWrite?: boolean } = {},
  ): Promise<Buffer> {
    const lbaCount = blocksOf(data, blockLengthBytes);
    const form = options.cdbLength ?? (cdbs.fitsCdb10(lba, lbaCount) ? 10 : 32);
    const cdb = cdbs.xdWriteReadCdb(form, lba, lbaCount, options.disableWrite, options);
    const { dataIn } = await this.run(`XDWRITEREAD (${form})`, { cdb, dataOut: data, dataInLength: data.length });
    return dataIn;
  }
}

function formFor(given: cdbs.CdbLength | undefined, lba: Lba, lbaCount: number): cdbs.CdbLength {
  return given ?? shortFormFor(undefined, lba, lbaCount);
}

function shortFormFor(given: 10 | 16 | undefined, lba: Lba, lbaCount: number): 10 | 16 {
  return given ?? (cdbs.fitsCdb10(lba, lbaCount) ? 10 : 16);
}

function blocksOf(data: Uint8Array, blockLengthBytes: number): number {
  const lbaCount = data.length / blockLengthBytes;
  if (!Number.isInteger(lbaCount)) throw new InitiatorError('ARGUMENT_INVALID', `${data.length} bytes are no whole blocks of ${blockLengthBytes}`);
  return lbaCount;
}
