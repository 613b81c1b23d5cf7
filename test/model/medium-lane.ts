import * as assert from 'uvu/assert';
import type { LogicalUnitClient } from '../../initiator/index.js';
import * as cdb from '../../initiator/scsi/block-cdbs.js';
import type { SeededRandom } from '../support/random.js';
import type { BlockEffect, RegisterHistory } from './register-history.js';

/** Few, so that commands of different lanes meet all the time. */
export const LANE_BLOCK_COUNT = 12;
const COUNT_MAX = 6;

let valueCount = 1n;

interface Ended {
  readonly status: number;
  readonly dataIn: Buffer;
  readonly sense: Buffer;
}

export interface MediumLaneOptions {
  readonly blockLengthBytes: number;
  readonly thin: boolean;
  /** ANC_SUP: blocks can be anchored. */
  readonly anchors: boolean;
  readonly histories: readonly RegisterHistory[];
  readonly random: SeededRandom;
}

/** Sends random medium commands, one after the other, and tells the histories of the blocks what each saw and left. */
export class MediumLane {
  static commandCount = 0;
  readonly #unit: LogicalUnitClient;
  readonly #blockLengthBytes: number;
  readonly #thin: boolean;
  readonly #anchors: boolean;
  readonly #histories: readonly RegisterHistory[];
  readonly #random: SeededRandom;
  /** What was seen last, block by block: what a comparison hopes for. */
  readonly #seen: bigint[] = Array(LANE_BLOCK_COUNT).fill(0n);

  constructor(unit: LogicalUnitClient, options: MediumLaneOptions) {
    this.#unit = unit;
    this.#blockLengthBytes = options.blockLengthBytes;
    this.#thin = options.thin;
    this.#anchors = options.anchors;
    this.#histories = options.histories;
    this.#random = options.random;
  }

  async step(): Promise<void> {
    const random = this.#random;
    const count = 1 + random.below(COUNT_MAX);
    const lba = random.below(LANE_BLOCK_COUNT - count + 1);
    const form = ([10, 12, 16, 32] as const)[random.below(4)] as 10 | 12 | 16 | 32;
    const fua = random.below(6) === 0;
    switch (random.below(this.#thin ? 12 : 10)) {
      case 0:
      case 1:
        return this.#write(lba, count, (value) => ({ cdb: cdb.writeCdb(form, lba, count, fua), dataOut: this.#fill(count, () => value) }));
      case 2:
        return this.#write(lba, count, (value) => ({
          cdb: cdb.writeAndVerifyCdb(form, lba, count, random.boolean() ? 1 : 0),
          dataOut: this.#fill(count, () => value),
        }));
      case 3:
        return this.#write(lba, count, (value) => ({ cdb: cdb.writeAtomicCdb(lba, count, 0, { fua }), dataOut: this.#fill(count, () => value) }));
      case 4:
        return this.#write(lba, count, (value) => ({ cdb: cdb.writeSameCdb(form === 12 ? 10 : form, lba, count), dataOut: this.#fill(1, () => value) }));
      case 5:
        return this.#orWrite(lba, count, fua);
      case 6:
        return this.#exchange(lba, count, form === 32 ? 32 : 10);
      case 7:
        return this.#compareAndWrite(lba, count, fua);
      case 8:
        return this.#verify(lba, count, form);
      case 9:
        return this.read(lba, count, form);
      case 10:
        return this.#zero(lba, count, {
          cdb: cdb.writeSameCdb(16, lba, count, { unmap: true, noDataOut: true, anchor: this.#anchors && random.below(4) === 0 }),
        });
      default: {
        const dataOut = cdb.unmapParameterList([{ lba, lbaCount: count }]);
        return this.#zero(lba, count, { cdb: cdb.unmapCdb(dataOut.length, this.#anchors && random.below(4) === 0), dataOut });
      }
    }
  }

  async read(lba: number, count: number, form: 10 | 12 | 16 | 32): Promise<void> {
    const dataInLength = count * this.#blockLengthBytes;
    await this.#command(lba, count, { cdb: cdb.readCdb(form, lba, count), dataInLength }, ({ status, dataIn }) => {
      assert.is(status, 0);
      return this.#values(dataIn, lba, count).map((value) => ({ kind: 'read', value }));
    });
  }

  #write(lba: number, count: number, sent: (value: bigint) => { cdb: Buffer; dataOut: Buffer }): Promise<void> {
    const value = this.#newValue();
    return this.#command(lba, count, sent(value), ({ status }) => {
      assert.is(status, 0);
      return everywhere(count, { kind: 'write', value });
    });
  }

  #zero(lba: number, count: number, sent: { cdb: Buffer; dataOut?: Buffer }): Promise<void> {
    return this.#command(lba, count, sent, ({ status }) => {
      assert.is(status, 0);
      return everywhere(count, { kind: 'write', value: 0n });
    });
  }

  /** One bit each, so that blocks are not all ones soon. */
  #orWrite(lba: number, count: number, fua: boolean): Promise<void> {
    const value = 1n << BigInt(this.#random.below(64));
    return this.#command(lba, count, { cdb: cdb.orWriteCdb(lba, count, { fua }), dataOut: this.#fill(count, () => value) }, ({ status }) => {
      assert.is(status, 0);
      return everywhere(count, { kind: 'or', value });
    });
  }

  #exchange(lba: number, count: number, form: 10 | 32): Promise<void> {
    const value = this.#newValue();
    const disableWrite = this.#random.below(4) === 0;
    const dataOut = this.#fill(count, () => value);
    const sent = { cdb: cdb.xdWriteReadCdb(form, lba, count, disableWrite), dataOut, dataInLength: dataOut.length };
    return this.#command(lba, count, sent, ({ status, dataIn }) => {
      assert.is(status, 0);
      const before = this.#values(dataIn, lba, count).map((xor) => xor ^ value);
      return before.map((seen) => (disableWrite ? { kind: 'read', value: seen } : { kind: 'swap', seen, value }));
    });
  }

  #compareAndWrite(lba: number, count: number, fua: boolean): Promise<void> {
    const value = this.#newValue();
    const hoped = this.#seen.slice(lba, lba + count);
    const dataOut = Buffer.concat([this.#fill(count, (at) => hoped[at] as bigint), this.#fill(count, () => value)]);
    return this.#command(lba, count, { cdb: cdb.compareAndWriteCdb(lba, count, { fua }), dataOut }, (ended) => {
      if (ended.status === 0) return hoped.map((seen) => ({ kind: 'swap', seen, value }));
      return this.#compared(ended, hoped);
    });
  }

  #verify(lba: number, count: number, form: 10 | 12 | 16 | 32): Promise<void> {
    const hoped = this.#seen.slice(lba, lba + count);
    const dataOut = this.#fill(count, (at) => hoped[at] as bigint);
    return this.#command(lba, count, { cdb: cdb.verifyCdb(form, lba, count, 1), dataOut }, (ended) => {
      if (ended.status === 0) return hoped.map((value) => ({ kind: 'read', value }));
      return this.#compared(ended, hoped);
    });
  }

  /** A miscompare: the blocks before it are as hoped, the one that it names is not, and of those behind nothing is known. */
  #compared({ status, sense }: Ended, hoped: readonly bigint[]): (BlockEffect | null)[] {
    assert.is(status, 2);
    assert.is((sense[2] as number) & 0x0f, 0x0e, 'MISCOMPARE');
    const at = Math.floor(sense.readUInt32BE(3) / this.#blockLengthBytes);
    return hoped.map((value, index) => (index < at ? { kind: 'read', value } : index === at ? { kind: 'differs', value } : null));
  }

  async #command(
    lba: number,
    count: number,
    sent: { cdb: Buffer; dataOut?: Buffer; dataInLength?: number },
    judge: (ended: Ended) => (BlockEffect | null)[],
  ): Promise<void> {
    const id = ++MediumLane.commandCount;
    for (let at = 0; at < count; at++) this.#histories[lba + at]?.begin(id);
    const { status, dataIn, sense } = await this.#unit.session.command({ ...sent, lun: this.#unit.lun });
    const effects = judge({ status, dataIn: Buffer.from(dataIn), sense: Buffer.from(sense) });
    for (let at = 0; at < count; at++) {
      const effect = effects[at] ?? null;
      this.#histories[lba + at]?.end(id, effect);
      if (effect !== null && effect.kind !== 'differs' && effect.kind !== 'or') this.#seen[lba + at] = effect.value;
    }
  }

  #newValue(): bigint {
    return (valueCount++ << 8n) | BigInt(this.#random.below(256));
  }

  #fill(count: number, contentAt: (at: number) => bigint): Buffer {
    const data = Buffer.alloc(count * this.#blockLengthBytes);
    const word = Buffer.alloc(8);
    for (let at = 0; at < count; at++) {
      word.writeBigUInt64BE(contentAt(at));
      data.fill(word, at * this.#blockLengthBytes, (at + 1) * this.#blockLengthBytes);
    }
    return data;
  }

  /** Each block is one value over and over; anything else is torn. */
  #values(data: Buffer, lba: number, count: number): bigint[] {
    assert.is(data.length, count * this.#blockLengthBytes);
    return Array.from({ length: count }, (_, at) => {
      const block = data.subarray(at * this.#blockLengthBytes, (at + 1) * this.#blockLengthBytes);
      assert.is(block.compare(block, 0, block.length - 8, 8), 0, `block ${lba + at} is torn`);
      return block.readBigUInt64BE(0);
    });
  }
}

/** The same in each of its blocks. */
function everywhere(count: number, effect: BlockEffect): BlockEffect[] {
  return Array.from({ length: count }, () => effect);
}
