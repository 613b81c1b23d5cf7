import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { create, type TapeCreation, type TapeLimits, type TapeService } from '../../../../../engine/devices/tape/image/tape-service.js';
import { defaultLimits } from '../../../../../engine/limits.js';

export const MIB = 1024 * 1024;

export interface TapeContext {
  folder: string;
  path: string;
}

/** A suite with a folder for each test. */
export function tapeSuite(name: string) {
  const test = suite<TapeContext>(name);
  test.before.each((context) => {
    context.folder = mkdtempSync(join(tmpdir(), 'lunloom-tape-'));
    context.path = join(context.folder, 'cartridge.tape');
  });
  test.after.each(({ folder }) => rmSync(folder, { recursive: true }));
  return test;
}

export const newCartridge: TapeCreation = { capacityBytes: 4 * MIB, worm: false, barcode: null, densityCode: 0x5a };

export function newDrive(limits: Partial<TapeLimits> = {}, owner = 'drive-0'): TapeService {
  return create({ limits: { ...defaultLimits, ...limits }, owner });
}

/** A drive with the image at `path`, which is made when it is not there. */
export function loadedDrive(path: string, creation: Partial<TapeCreation> = {}, limits: Partial<TapeLimits> = {}): TapeService {
  const drive = newDrive(limits);
  drive.load({ path, readOnly: false, create: { ...newCartridge, ...creation } });
  return drive;
}

/** Contents that tell which block they are of. */
export function blockOf(number: number, lengthBytes = 100): Buffer {
  return Buffer.alloc(lengthBytes, `block ${number}. `);
}

export function writeBlock(drive: TapeService, content: Uint8Array): void {
  assert.is(drive.writeBlock(content).stop, 'done');
}

export function writeMarks(drive: TapeService, count = 1): void {
  const { stop, count: written } = drive.writeFilemarks(count, true);
  assert.equal({ stop, written }, { stop: 'done', written: count });
}

/** The next block, or why there is none. */
export function readNext(drive: TapeService): string {
  const target = new Uint8Array(64 * 1024);
  const { stop, blockLengthBytes, fault } = drive.readBlock(target);
  if (stop === 'done') return Buffer.from(target.subarray(0, blockLengthBytes)).toString('latin1');
  return fault === null ? stop : `${stop} ${fault.kind}`;
}

/** All objects of the partition from its beginning. */
export function contentsOf(drive: TapeService): string[] {
  drive.rewind();
  const all: string[] = [];
  for (;;) {
    const next = readNext(drive);
    if (next === 'endOfData' || next === 'endOfPartition') return all;
    all.push(next);
  }
}

/** Without an answer it throws a TargetError with this code. */
export function assertCode(action: () => unknown, code: string, message?: RegExp): void {
  try {
    action();
  } catch (error) {
    assert.is((error as { code?: string }).code, code);
    if (message !== undefined) assert.match((error as Error).message, message);
    return;
  }
  assert.unreachable(`${code} is thrown`);
}

/** Without closing it, as after a crash: the file is as it is, and the lock of this drive is taken over. */
export function abandon(_drive: TapeService): void {}
