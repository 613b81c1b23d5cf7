import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, type TapeService, type TapeWriteOutcome } from '../../engine/devices/tape/image/tape-service.js';
import { defaultLimits } from '../../engine/limits.js';
import { seededRandom } from '../support/random.js';
import { ReferenceTape, type TapeObject } from './reference-tape.js';
import type { TapeAction, TapeOperation } from './tape-operations.js';
import { PowerCutWatch } from './tape-power-cut.js';

const CAPACITY_BYTES = 320 * 1024;
const DATA_OFFSET = 65536;
const RECORD_HEADER_BYTES = 88;
const PARTITION_BYTES_MIN = 64 * 1024;
const TARGET_BYTES = 32 * 1024;
const key = Buffer.alloc(32, 'key');
/** In memory, where to make a file stable costs nothing. */
const folder = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

class Disagreement extends Error {
  override readonly name = 'Disagreement';
}

/** One image and the arrays that it is held against, through loads, kills and power cuts. */
export class TapeScenario {
  #folder = '';
  #path = '';
  #drive: TapeService = newDrive();
  #watch = new PowerCutWatch('');
  #reference = new ReferenceTape();
  #isPlain = true;
  #partitionBytes: readonly number[] = [CAPACITY_BYTES];

  async faultOf(operations: readonly TapeOperation[]): Promise<string | null> {
    this.#folder = mkdtempSync(join(folder, 'lunloom-tape-model-'));
    this.#path = join(this.#folder, 'model.tape');
    this.#watch = new PowerCutWatch(this.#path);
    this.#reference = new ReferenceTape();
    try {
      this.#load();
      for (const [index, operation] of operations.entries()) {
        try {
          this.#run(operation);
        } catch (error) {
          if (error instanceof Error) return `operation ${index}, ${operation.kind}: ${error instanceof Disagreement ? error.message : error.stack}`;
          throw error;
        }
      }
      return null;
    } finally {
      this.#watch.end();
      this.#drive.unload();
      rmSync(this.#folder, { recursive: true });
    }
  }

  #run(operation: TapeOperation): void {
    switch (operation.kind) {
      case 'reload':
        this.#restart(() => same('unload', this.#drive.unload().fault, null), false);
        return;
      case 'kill':
        this.#restart(() => this.#replaceFile(readFileSync(this.#path)), false);
        return;
      case 'powerCut':
        this.#powerCut(operation.during, operation.afterEvents, operation.seed);
        return;
      case 'truncate':
        this.#restart(() => {
          this.#drive.unload();
          const length = readFileSync(this.#path).length;
          truncateSync(this.#path, DATA_OFFSET + Math.floor(((length - DATA_OFFSET) * operation.thousandths) / 1000));
        }, true);
        return;
      default:
        this.#act(operation);
        this.#checkPosition();
    }
  }

  #act(action: TapeAction): void {
    const drive = this.#drive;
    const reference = this.#reference;
    switch (action.kind) {
      case 'write':
        this.#write(action);
        return;
      case 'marks': {
        const outcome = drive.writeFilemarks(action.count, action.durable);
        if (action.count > 0) this.#checkWritten(outcome, Array<TapeObject>(action.count).fill('mark'));
        if (action.durable) this.#checkDurable();
        return;
      }
      case 'readBlock':
        this.#readBlock(action.targetBytes);
        return;
      case 'readBlocks':
        this.#readBlocks(action.lengthBytes, action.count);
        return;
      case 'space': {
        const { stop, residualCount } = drive.space(action.what, action.count);
        same('space', `${stop} ${residualCount}`, reference.space(action.what, action.count));
        return;
      }
      case 'locate': {
        const partition = action.partition === null ? null : action.partition % reference.partitions.length;
        const { stop } = drive.locate({ partition, to: action.to, number: action.number });
        if (partition !== null && partition !== reference.partition) {
          reference.makeDurable();
          reference.partition = partition;
        }
        same('locate', stop, reference.locate(action.to, action.number));
        return;
      }
      case 'rewind':
        drive.rewind();
        reference.at = 0;
        this.#checkDurable();
        return;
      case 'flush':
        drive.flush();
        this.#checkDurable();
        return;
      case 'erase':
        same('erase', drive.erase(action.long).fault, null);
        reference.cut();
        return;
      case 'format':
        this.#format(action.shares);
        return;
      case 'compress':
        this.#isPlain &&= !action.enabled;
        drive.setCompression(action.enabled);
        return;
      case 'encrypt':
        this.#isPlain &&= !action.enabled;
        drive.setEncryption(encryption(action.enabled));
        return;
    }
  }

  #write({ lengthBytes, count, seed }: Extract<TapeAction, { kind: 'write' }>): void {
    const totalBytes = lengthBytes * count;
    // Half of it can be compressed.
    const source = seed % 2 === 0 ? Buffer.alloc(totalBytes, `${seed} `) : createHash('shake256', { outputLength: totalBytes }).update(`${seed}`).digest();
    const blocks = Array.from({ length: count }, (_, index) => Buffer.from(source.subarray(index * lengthBytes, (index + 1) * lengthBytes)));
    this.#checkWritten(count === 1 ? this.#drive.writeBlock(source) : this.#drive.writeBlocks(source, lengthBytes), blocks);
  }

  #checkWritten(outcome: TapeWriteOutcome, objects: readonly TapeObject[]): void {
    const reference = this.#reference;
    reference.cut();
    if (this.#isPlain) {
      const fitting = this.#fitting(objects);
      same('written', `${outcome.stop} ${outcome.count}`, `${fitting === objects.length ? 'done' : 'endOfPartition'} ${fitting}`);
    } else same('fault', outcome.fault, null);
    reference.write(objects.slice(0, outcome.count));
  }

  #fitting(objects: readonly TapeObject[]): number {
    const sizes = [...this.#reference.objects.slice(0, this.#reference.at), ...objects].map((object) =>
      object === 'mark' ? RECORD_HEADER_BYTES : Math.ceil((RECORD_HEADER_BYTES + object.length) / 8) * 8,
    );
    let left = this.#partitionBytes[this.#reference.partition] as number;
    let count = 0;
    for (const size of sizes) {
      if (size > left) break;
      left -= size;
      count++;
    }
    return count - this.#reference.at;
  }

  #checkDurable(): void {
    same('buffered', this.#drive.position().bufferedObjectCount, 0);
    this.#reference.makeDurable();
  }

  #readBlock(targetBytes: number): void {
    const target = Buffer.alloc(targetBytes);
    const outcome = this.#drive.readBlock(target);
    const object = this.#reference.objects[this.#reference.at];
    if (object === undefined) {
      same('read', /endOf(Data|Partition)/.test(outcome.stop), true);
      return;
    }
    this.#reference.at++;
    if (object === 'mark') {
      same('read', outcome.stop, 'filemark');
      return;
    }
    same('read', `${outcome.stop} ${outcome.blockLengthBytes}`, `done ${object.length}`);
    const part = object.subarray(0, targetBytes);
    same('contents', target.subarray(0, outcome.transferredBytes).equals(part), true);
  }

  #readBlocks(lengthBytes: number, count: number): void {
    const reference = this.#reference;
    const blocks: Buffer[] = [];
    let stop = 'done';
    while (stop === 'done' && blocks.length < count) {
      const object = reference.objects[reference.at];
      if (object === undefined) stop = 'end';
      else if (object === 'mark') stop = 'filemark';
      else if (object.length !== lengthBytes) stop = 'length';
      else blocks.push(object);
      if (object !== undefined) reference.at++;
    }
    const target = Buffer.alloc(lengthBytes * count);
    const outcome = this.#drive.readBlocks(target, lengthBytes, count);
    const stopped = outcome.stop.startsWith('endOf') ? 'end' : outcome.stop;
    same('read', `${stopped} ${outcome.blockCount}`, `${stop} ${blocks.length}`);
    same('contents', target.subarray(0, outcome.transferredBytes).equals(Buffer.concat(blocks)), true);
  }

  #format(shares: readonly number[]): void {
    const spare = CAPACITY_BYTES - shares.length * PARTITION_BYTES_MIN;
    const total = shares.reduce((sum, share) => sum + share, 0);
    const sizes = shares.map((share) => PARTITION_BYTES_MIN + Math.floor((spare * share) / total));
    same('format', this.#drive.formatMedium(sizes).fault, null);
    this.#reference.format(sizes.length);
    this.#partitionBytes = sizes;
  }

  #checkPosition(): void {
    const { partition, objectNumber, fileNumber, isBeginning, isEndOfData } = this.#drive.position();
    const { partition: expectedPartition, at, fileNumber: marks, objects } = this.#reference;
    same(
      'position',
      { partition, objectNumber, fileNumber, isBeginning, isEndOfData },
      { partition: expectedPartition, objectNumber: at, fileNumber: marks, isBeginning: at === 0, isEndOfData: at === objects.length },
    );
  }

  /** The action is done to its end, but the next start finds what the power cut left in the midst of it: what was before, or what is after. */
  #powerCut(during: TapeAction, afterEvents: number, seed: number): void {
    const before = this.#reference.clone();
    const partitionBytesBefore = this.#partitionBytes;
    const random = seededRandom(seed);
    this.#watch.cutAfter(1 + afterEvents, random);
    this.#act(during);
    const wasCutBefore = this.#watch.captured !== null;
    const image = this.#watch.cut(random);
    const after = this.#reference;
    this.#replaceFile(image);
    this.#load();
    const found = this.#contents();
    // What it writes over is gone first, and what it writes may be missing.
    if (wasCutBefore && ['write', 'marks', 'erase'].includes(during.kind)) after.forgetBehind(before);
    const isAfter = fits(found, after);
    if (!isAfter && !(wasCutBefore && fits(found, before))) {
      throw new Disagreement(`${show(found)} is left, neither of ${showReference(before)} nor of ${showReference(after)}`);
    }
    if (!isAfter) this.#partitionBytes = partitionBytesBefore;
    this.#adopt(found);
  }

  #restart(between: () => void, mayLose: boolean): void {
    const expected = this.#reference;
    between();
    this.#load();
    const found = this.#contents();
    const isFound = mayLose ? fits(found, expected, 0) : fits(found, expected, Number.POSITIVE_INFINITY);
    if (!isFound) throw new Disagreement(`${show(found)} is left of ${showReference(expected)}`);
    this.#adopt(found);
  }

  #replaceFile(image: Buffer): void {
    this.#watch.end();
    this.#drive.unload();
    writeFileSync(this.#path, image);
  }

  #load(): void {
    this.#watch.end();
    this.#drive = newDrive();
    this.#drive.load({ path: this.#path, readOnly: false, create: { capacityBytes: CAPACITY_BYTES, worm: false, barcode: null, densityCode: 0 } });
    // Blocks of before may be encrypted.
    this.#drive.setEncryption(encryption(false));
    this.#watch.begin();
  }

  #contents(): TapeObject[][] {
    const { length } = this.#drive.facts()?.partitions ?? [];
    const target = Buffer.alloc(TARGET_BYTES);
    const all = Array.from({ length }, (_, partition) => {
      this.#drive.locate({ partition, to: 'object', number: 0 });
      const objects: TapeObject[] = [];
      for (;;) {
        const { stop, transferredBytes, fault } = this.#drive.readBlock(target);
        if (stop === 'fault') throw new Disagreement(`object ${objects.length} of partition ${partition}: ${JSON.stringify(fault)}`);
        if (stop === 'endOfData' || stop === 'endOfPartition') return objects;
        objects.push(stop === 'filemark' ? 'mark' : Buffer.from(target.subarray(0, transferredBytes)));
      }
    });
    this.#drive.locate({ partition: 0, to: 'object', number: 0 });
    return all;
  }

  /** Goes on from what a start found. What it found it would find again. */
  #adopt(found: TapeObject[][]): void {
    this.#reference = new ReferenceTape();
    this.#reference.partitions = found.map((objects) => ({ objects, durableCount: objects.length }));
  }
}

function newDrive(): TapeService {
  return create({ limits: { ...defaultLimits, tapeCheckpointBytes: 64 * 1024 }, owner: 'model' });
}

function encryption(encrypt: boolean) {
  return { encrypt, decrypt: 'mixed', key, ukad: Buffer.from('who'), akad: Buffer.from('what'), algorithmIndex: 1 } as const;
}

/** Whether all partitions have the first objects of the reference: as many as are durable, or as `least` says. */
function fits(found: readonly TapeObject[][], reference: ReferenceTape, least?: number): boolean {
  if (found.length !== reference.partitions.length) return false;
  return reference.partitions.every(({ objects, durableCount }, partition) => {
    const left = found[partition] as TapeObject[];
    if (left.length > objects.length || left.length < Math.min(objects.length, least ?? durableCount)) return false;
    return left.every((object, index) => areSame(object, objects[index] as TapeObject));
  });
}

function areSame(a: TapeObject, b: TapeObject): boolean {
  return a === 'mark' || b === 'mark' ? a === b : a.equals(b);
}

function show(partitions: readonly (readonly TapeObject[])[]): string {
  return partitions.map((objects) => `[${objects.map((object) => (object === 'mark' ? 'mark' : object.length)).join(' ')}]`).join(' ');
}

function showReference({ partitions }: ReferenceTape): string {
  return `${show(partitions.map(({ objects }) => objects))} (durable ${partitions.map(({ durableCount }) => durableCount).join(' ')})`;
}

function same(what: string, actual: unknown, expected: unknown): void {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (a !== b) throw new Disagreement(`${what} is ${a}, not ${b}`);
}
