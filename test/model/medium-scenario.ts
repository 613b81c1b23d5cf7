import type { LogicalUnit } from '../../engine/scsi/logical-unit.js';
import type { BackingStore } from '../../engine/store/store.js';
import * as cdb from '../../initiator/scsi/block-cdbs.js';
import { dataInOf, informationOf, makeUnit, runDeferred, TRANSFER_BYTES_MAX } from '../engine/scsi/scsi-fixture.js';
import { seededRandom } from '../support/random.js';
import type { MediumBounds, MediumOperation } from './medium-operations.js';
import { check, good, type Outcome, outcomeText, Status } from './reference-outcome.js';

export interface MediumKind {
  readonly name: string;
  readonly blockLengthBytes: number;
  readonly thin: boolean;
  readonly sizeBytes: number;
  readonly protectionType?: 1 | 2 | 3;
  open(): BackingStore;
  /** What lies there when all is over, read by other means; null where there are none. */
  contentOf(store: BackingStore): Uint8Array | null;
}

const lbaOutOfRange = check(5, 0x2100);
const invalidInCdb = check(5, 0x2400);
const miscompare = check(0xe, 0x1d00);
const conditionMet: Outcome = { status: 0x04 };

interface Expected {
  readonly outcome: Outcome;
  /** Exactly what is returned. */
  readonly data?: Uint8Array;
  /** INFORMATION of a miscompare. */
  readonly information?: number;
}

interface Answered {
  readonly outcome: Outcome;
  readonly data: Buffer;
  readonly information: number | null;
}

interface Sent {
  readonly cdb: Buffer;
  readonly dataOut?: Uint8Array;
  readonly dataInLength?: number;
}

/** Holds the medium commands of one lane against an array of bytes: what is returned, and what lies there afterwards. */
export class MediumScenario {
  readonly #kind: MediumKind;
  readonly #store: BackingStore;
  readonly #unit: LogicalUnit;
  readonly #bytes: Buffer;
  readonly #bounds: MediumBounds;
  /** Granules that were given back whole and not written since: they have no space. */
  readonly #given = new Set<number>();
  /** Granules that were anchored and not given back whole since: they have space. */
  readonly #anchored = new Set<number>();
  readonly #anchors: boolean;
  readonly #granularityBytes: number;
  #faults: string[] = [];

  constructor(kind: MediumKind) {
    this.#kind = kind;
    this.#store = kind.open();
    this.#unit = makeUnit({ store: this.#store, blockLengthBytes: kind.blockLengthBytes, thin: kind.thin, protectionType: kind.protectionType ?? 0 });
    this.#bytes = Buffer.alloc(kind.sizeBytes);
    this.#anchors = kind.thin && this.#store.provisioning?.tellsAnchored === true;
    this.#granularityBytes = this.#store.provisioning?.granularityBytes ?? 4096;
    this.#bounds = boundsOf(kind);
  }

  async faultOf(operations: readonly MediumOperation[]): Promise<string | null> {
    try {
      for (const operation of operations) {
        await this.#perform(operation);
        if (this.#faults.length > 0) return `at ${JSON.stringify(operation)}:\n  ${this.#faults.join('\n  ')}`;
      }
      await this.#readAll();
      await this.#perform({ kind: 'status', lba: 0, descriptors: 200 });
      return this.#faults.length === 0 ? null : `at the end:\n  ${this.#faults.join('\n  ')}`;
    } finally {
      this.#store.close();
    }
  }

  async #readAll(): Promise<void> {
    const { blockCount, countMax } = this.#bounds;
    for (let lba = 0; lba < blockCount; lba += countMax) {
      await this.#perform({ kind: 'read', form: 16, fua: false, missing: 0, lba, count: Math.min(countMax, blockCount - lba) });
    }
    const content = this.#kind.contentOf(this.#store);
    if (content !== null && Buffer.compare(content, this.#bytes) !== 0)
      this.#faults.push(`byte ${firstDifference(content, this.#bytes)} of the store differs from what was read`);
  }

  async #perform(operation: MediumOperation): Promise<void> {
    if (operation.kind === 'status') return this.#status(operation.lba, operation.descriptors);
    const sent = this.#sent(operation);
    const expected = this.#expected(operation, sent);
    const answered = await this.#send(sent);
    // Whether all of the blocks find room in a cache is for the device to know.
    if (operation.kind === 'prefetch' && expected.outcome === conditionMet && answered.outcome.status === Status.good) return;
    if (outcomeText(answered.outcome) !== outcomeText(expected.outcome)) {
      this.#faults.push(`ended with ${outcomeText(answered.outcome)}, not ${outcomeText(expected.outcome)}`);
    }
    if (expected.information !== undefined && answered.information !== expected.information) {
      this.#faults.push(`INFORMATION is ${answered.information}, not ${expected.information}`);
    }
    if (expected.data !== undefined && Buffer.compare(answered.data, expected.data) !== 0) {
      const at = firstDifference(answered.data, expected.data);
      this.#faults.push(`returned ${answered.data.length} bytes, of which byte ${at} differs from the ${expected.data.length} that it should return`);
    }
  }

  async #send({ cdb: bytes, dataOut, dataInLength }: Sent): Promise<Answered> {
    const options = { ...(dataOut === undefined ? {} : { dataOut }), expectedDataInLength: dataInLength ?? 0 };
    const command = await runDeferred(this.#unit, bytes.toString('hex'), options);
    const { status, sense } = command;
    const outcome = status === Status.checkCondition ? check((sense[2] as number) & 0xf, ((sense[12] as number) << 8) | (sense[13] as number)) : { status };
    const information = status === Status.checkCondition ? informationOf(command) : null;
    // A command that fails returns nothing that counts.
    return { outcome, data: Buffer.from(command.dataInLength === 0 ? [] : dataInOf(command)), information };
  }

  /** What goes out, which for comparisons is made of what should be there. */
  #sent(operation: Exclude<MediumOperation, { kind: 'status' }>): Sent {
    if (operation.kind === 'unmap') {
      const dataOut = cdb.unmapParameterList(operation.ranges.map(({ lba, count }) => ({ lba, lbaCount: count })));
      return { cdb: cdb.unmapCdb(dataOut.length, operation.anchor), dataOut };
    }
    const { lba, count } = operation;
    const lengthBytes = count * this.#kind.blockLengthBytes;
    switch (operation.kind) {
      case 'write': {
        const dataOut = dataOf(operation.seed, Math.max(0, lengthBytes - operation.missing));
        return { cdb: cdb.writeCdb(operation.form, lba, count, operation.fua), dataOut };
      }
      case 'read':
        return { cdb: cdb.readCdb(operation.form, lba, count, operation.fua), dataInLength: Math.max(0, lengthBytes - operation.missing) };
      case 'writeAndVerify':
        return {
          cdb: cdb.writeAndVerifyCdb(operation.form, lba, count, operation.byteCheck),
          dataOut: dataOf(operation.seed, Math.max(0, lengthBytes - operation.missing)),
        };
      case 'verify': {
        const { byteCheck, difference } = operation;
        const compared = byteCheck === 0 ? 0 : byteCheck === 3 && count > 0 ? this.#kind.blockLengthBytes : lengthBytes;
        const dataOut = withDifference(this.#present(lba, compared), difference);
        return { cdb: cdb.verifyCdb(operation.form, lba, count, byteCheck), ...(compared === 0 ? {} : { dataOut }) };
      }
      case 'compareAndWrite': {
        const compared = withDifference(this.#present(lba, lengthBytes), operation.difference);
        const dataOut = Buffer.concat([compared, dataOf(operation.seed, lengthBytes)]);
        return { cdb: cdb.compareAndWriteCdb(lba, count, { fua: operation.fua }), dataOut };
      }
      case 'orWrite':
        return { cdb: cdb.orWriteCdb(lba, count, { fua: operation.fua }), dataOut: dataOf(operation.seed, Math.max(0, lengthBytes - operation.missing)) };
      case 'writeAtomic':
        return { cdb: cdb.writeAtomicCdb(lba, count, 0, { fua: operation.fua }), dataOut: dataOf(operation.seed, lengthBytes) };
      case 'writeSame': {
        const { form, unmap, anchor, noDataOut } = operation;
        const block = dataOf(operation.seed, this.#kind.blockLengthBytes);
        return { cdb: cdb.writeSameCdb(form, lba, count, { unmap, anchor, noDataOut }), ...(noDataOut ? {} : { dataOut: unmap ? block.fill(0) : block }) };
      }
      case 'exchange': {
        const dataInLength = Math.max(0, lengthBytes - operation.missing);
        return { cdb: cdb.xdWriteReadCdb(operation.form, lba, count, operation.disableWrite), dataOut: dataOf(operation.seed, lengthBytes), dataInLength };
      }
      case 'synchronize':
        return { cdb: cdb.synchronizeCacheCdb(operation.form, lba, count) };
      case 'prefetch':
        return { cdb: cdb.prefetchCdb(operation.form, lba, count) };
    }
  }

  /** As much as there is; zeros beyond, which a command out of range does not come to compare. */
  #present(lba: number, lengthBytes: number): Buffer {
    const start = Math.min(this.#bytes.length, lba * this.#kind.blockLengthBytes);
    const present = Buffer.alloc(lengthBytes);
    this.#bytes.copy(present, 0, start, Math.min(this.#bytes.length, start + lengthBytes));
    return present;
  }

  /** Does the operation to the bytes; answers what the command ends with. */
  #expected(operation: Exclude<MediumOperation, { kind: 'status' }>, { dataOut = new Uint8Array(0) }: Sent): Expected {
    if (operation.kind === 'unmap') return this.#expectedUnmap(operation.ranges, operation.anchor);
    const { lba, count } = operation;
    const { blockLengthBytes, thin } = this.#kind;
    const { blockCount } = this.#bounds;
    if (operation.kind === 'writeSame' && operation.unmap && !thin) return { outcome: invalidInCdb };
    if (operation.kind === 'writeSame' && operation.anchor && !this.#anchors) return { outcome: invalidInCdb };
    if (lba + count > blockCount) return { outcome: lbaOutOfRange };
    const start = lba * blockLengthBytes;
    const lengthBytes = count * blockLengthBytes;
    const before = Buffer.from(this.#bytes.subarray(start, start + lengthBytes));
    switch (operation.kind) {
      case 'read':
        return { outcome: good, data: before.subarray(0, Math.max(0, lengthBytes - operation.missing)) };
      case 'write':
      case 'writeAndVerify':
      case 'writeAtomic': {
        const whole = dataOut.length - (dataOut.length % blockLengthBytes);
        this.#write(start, dataOut.subarray(0, whole));
        return { outcome: good };
      }
      case 'verify': {
        if (operation.byteCheck === 0 || count === 0) return { outcome: good };
        const different = differenceOf(before, operation.byteCheck === 3 ? Buffer.alloc(before.length, dataOut) : dataOut);
        // SBC-3: the offset in the Data-Out Buffer, also where that is one block for all.
        return different < 0 ? { outcome: good } : { outcome: miscompare, information: different % dataOut.length };
      }
      case 'compareAndWrite': {
        const different = differenceOf(before, dataOut.subarray(0, lengthBytes));
        if (different >= 0) return { outcome: miscompare, information: different };
        this.#write(start, dataOut.subarray(lengthBytes));
        return { outcome: good };
      }
      case 'orWrite': {
        const whole = dataOut.subarray(0, dataOut.length - (dataOut.length % blockLengthBytes));
        this.#write(
          start,
          whole.map((byte, at) => byte | (before[at] as number)),
        );
        return { outcome: good };
      }
      case 'exchange': {
        const data = before.map((byte, at) => byte ^ (dataOut[at] as number)).subarray(0, Math.max(0, lengthBytes - operation.missing));
        if (!operation.disableWrite) this.#write(start, dataOut);
        return { outcome: good, data };
      }
      case 'writeSame': {
        const all = count === 0 ? blockCount - lba : count;
        if (all === 0) return { outcome: lbaOutOfRange };
        const block = operation.noDataOut ? Buffer.alloc(blockLengthBytes) : dataOut;
        if (operation.unmap) this.#unmap(lba, all, operation.anchor);
        else for (let i = 0; i < all; i++) this.#write(start + i * blockLengthBytes, block);
        return { outcome: good };
      }
      case 'prefetch':
        return { outcome: conditionMet };
      default:
        return { outcome: good };
    }
  }

  #expectedUnmap(ranges: readonly { readonly lba: number; readonly count: number }[], anchor: boolean): Expected {
    if (!this.#kind.thin) return { outcome: check(5, 0x2000) };
    if (anchor && !this.#anchors) return { outcome: invalidInCdb };
    if (ranges.some(({ lba, count }) => lba + count > this.#bounds.blockCount)) return { outcome: lbaOutOfRange };
    for (const { lba, count } of ranges) this.#unmap(lba, count, anchor);
    return { outcome: good };
  }

  #write(start: number, data: Uint8Array): void {
    this.#bytes.set(data, start);
    if (data.length === 0) return;
    for (let at = Math.floor(start / this.#granularityBytes); at * this.#granularityBytes < start + data.length; at++) this.#given.delete(at);
  }

  #unmap(lba: number, count: number, anchor: boolean): void {
    if (count === 0) return;
    const { blockLengthBytes } = this.#kind;
    const [start, end] = [lba * blockLengthBytes, (lba + count) * blockLengthBytes];
    this.#bytes.fill(0, start, end);
    const last = Math.floor(end / this.#granularityBytes);
    if (anchor) {
      for (let at = Math.floor(start / this.#granularityBytes); at * this.#granularityBytes < end; at++) {
        this.#given.delete(at);
        this.#anchored.add(at);
      }
      return;
    }
    for (let at = Math.ceil(start / this.#granularityBytes); at < last; at++) {
      this.#given.add(at);
      this.#anchored.delete(at);
    }
  }

  /** GET LBA STATUS: runs that follow each other, of which those without space read zeros, and those that were given back have none. */
  async #status(lba: number, descriptorCount: number): Promise<void> {
    const { blockLengthBytes, thin } = this.#kind;
    const { blockCount } = this.#bounds;
    const allocationLength = 8 + 16 * descriptorCount;
    const { outcome, data } = await this.#send({ cdb: cdb.getLbaStatusCdb(lba, allocationLength), dataInLength: allocationLength });
    const expected = lba >= blockCount ? lbaOutOfRange : good;
    if (outcomeText(outcome) !== outcomeText(expected)) this.#faults.push(`GET LBA STATUS ended with ${outcomeText(outcome)}`);
    if (expected !== good || descriptorCount === 0) return;
    let next = lba;
    let before = -1;
    for (let at = 8; at + 16 <= Math.min(data.length, 4 + data.readUInt32BE(0)); at += 16) {
      const [first, count, status] = [Number(data.readBigUInt64BE(at)), data.readUInt32BE(at + 8), (data[at + 12] as number) & 0x0f];
      if (first !== next || count === 0 || first + count > blockCount) this.#faults.push(`a run of ${count} blocks from ${first} follows where ${next} should`);
      if (status === before) this.#faults.push(`two runs with status ${status} meet at ${first}`);
      const bytes = this.#bytes.subarray(first * blockLengthBytes, (first + count) * blockLengthBytes);
      if (status !== 0 && !isZero(bytes)) this.#faults.push(`blocks from ${first} have no space and are not zeros`);
      if (status !== 0 && !thin) this.#faults.push('a unit that is not thin has blocks without space');
      if (status > (this.#anchors ? 2 : 1)) this.#faults.push(`status ${status} is none of this unit`);
      if (thin) this.#checkSpace(first, count, status !== 1);
      next = first + count;
      before = status;
    }
    if (next === lba) this.#faults.push('GET LBA STATUS tells nothing');
  }

  #checkSpace(first: number, count: number, hasSpace: boolean): void {
    const { blockLengthBytes } = this.#kind;
    for (let lba = first; lba < first + count; lba++) {
      const [start, end] = [lba * blockLengthBytes, (lba + 1) * blockLengthBytes];
      let isGiven = true;
      let isAnchored = false;
      for (let at = Math.floor(start / this.#granularityBytes); at * this.#granularityBytes < end; at++) {
        isGiven &&= this.#given.has(at);
        isAnchored ||= this.#anchored.has(at);
      }
      if (isAnchored && !hasSpace) this.#faults.push(`block ${lba} was anchored, and has no space`);
      if (isGiven && hasSpace) this.#faults.push(`block ${lba} was given back, and has space`);
    }
  }
}

/** Of a block, which count for the largest transfer where there are some. */
const PROTECTION_BYTES = 8;

export function boundsOf({ blockLengthBytes, sizeBytes, protectionType }: MediumKind): MediumBounds {
  const blockCount = Math.floor(sizeBytes / blockLengthBytes);
  const countMax = Math.min(255, blockCount - 3, Math.floor(TRANSFER_BYTES_MAX / (blockLengthBytes + PROTECTION_BYTES)));
  return { blockCount, blockLengthBytes, countMax, granuleBlocks: Math.max(1, Math.round(4096 / blockLengthBytes)), hasForm32: protectionType === undefined };
}

/** A prime, so that no two blocks are alike. */
const PERIOD_BYTES = 1021;

function dataOf(seed: number, lengthBytes: number): Buffer {
  if (lengthBytes === 0) return Buffer.alloc(0);
  return Buffer.alloc(lengthBytes, seededRandom(seed).bytes(Math.min(PERIOD_BYTES, lengthBytes)));
}

function withDifference(data: Buffer, at: number | null): Buffer {
  if (at !== null && data.length > 0) data[at % data.length] = (data[at % data.length] as number) ^ 0x40;
  return data;
}

function isZero(bytes: Buffer): boolean {
  return bytes.length === 0 || (bytes[0] === 0 && bytes.compare(bytes, 0, bytes.length - 1, 1) === 0);
}

/** Where they differ first, or -1. */
function differenceOf(one: Uint8Array, other: Uint8Array): number {
  return Buffer.compare(one, other) === 0 ? -1 : firstDifference(one, other);
}

function firstDifference(one: Uint8Array, other: Uint8Array): number {
  const at = one.findIndex((byte, index) => byte !== other[index]);
  return at < 0 ? Math.min(one.length, other.length) : at;
}
