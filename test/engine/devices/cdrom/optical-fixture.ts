import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { openDisc } from '../../../../engine/devices/cdrom/disc/open-disc.js';
import { BLOCK_LENGTH_BYTES, type ProfileName } from '../../../../engine/devices/cdrom/disc/profile.js';
import { type InsertedDisc, OpticalDrive } from '../../../../engine/devices/cdrom/drive/optical-drive.js';
import { opticalType } from '../../../../engine/devices/cdrom/optical-type.js';
import type { ITNexus } from '../../../../engine/scsi/it-nexus.js';
import { LogicalUnit } from '../../../../engine/scsi/logical-unit.js';
import { ScsiStatus } from '../../../../engine/scsi/status.js';
import { type LogicalUnitHost, soleUnitHost } from '../../../../engine/scsi/unit-host.js';
import type { CommandSlot } from '../../../../engine/shm/command-slot.js';
import { TestClock } from '../../../support/test-clock.js';
import { type CommandOptions, dataInOf, identity, nexus, otherNexus, runDeferred } from '../../scsi/scsi-fixture.js';

const RECORD_BYTES_MAX = 65_536;
const PVD_LBA = 16;

const drives: OpticalDrive[] = [];

/** A folder for the images of a test file; with it go the drives of its scenes. */
export function imageFolder(): { readonly path: (name: string) => string; readonly remove: () => Promise<void> } {
  const folder = mkdtempSync(join(tmpdir(), 'lunloom-optical-'));
  const remove = async () => {
    for (const drive of drives) await drive.close();
    rmSync(folder, { recursive: true });
  };
  return { path: (name) => join(folder, name), remove };
}

/** Each block begins with its own address. */
export function blockOf(lba: number): Buffer {
  const block = Buffer.alloc(BLOCK_LENGTH_BYTES, lba & 0xff);
  block.writeUInt32BE(lba, 0);
  return block;
}

export function blocksOf(lba: number, count: number): Buffer {
  return Buffer.concat(Array.from({ length: count }, (_, index) => blockOf(lba + index)));
}

/** An image with a primary volume descriptor that tells of `declaredBlocks`. */
export function isoImage(blockCount: number, declaredBlocks = blockCount): Buffer {
  const image = blocksOf(0, blockCount);
  const descriptor = image.subarray(PVD_LBA * BLOCK_LENGTH_BYTES, (PVD_LBA + 1) * BLOCK_LENGTH_BYTES).fill(0);
  descriptor.set([1, ...Buffer.from('CD001'), 1]);
  descriptor.writeUInt32LE(declaredBlocks, 80);
  descriptor.writeUInt32BE(declaredBlocks, 84);
  descriptor.writeUInt16LE(BLOCK_LENGTH_BYTES, 128);
  descriptor.writeUInt16BE(BLOCK_LENGTH_BYTES, 130);
  return image;
}

export interface OpticalOptions {
  readonly profile?: ProfileName;
  /** Of a blank disc. */
  readonly blockCount?: number;
  readonly readOnly?: boolean;
  readonly host?: Partial<LogicalUnitHost>;
}

/** A drive as a logical unit, with what it said to its operator. */
export interface OpticalScene {
  readonly unit: LogicalUnit;
  readonly drive: OpticalDrive;
  readonly notices: string[];
  readonly clock: TestClock;
}

export async function opticalScene(path: string | null, options: OpticalOptions = {}): Promise<OpticalScene> {
  const notices: string[] = [];
  const clock = new TestClock();
  const { profile, blockCount, readOnly = false } = options;
  const common = { readOnly, recordBytesMax: RECORD_BYTES_MAX, onNotice: (message: string) => notices.push(message) };
  const sizeBytes = blockCount === undefined ? {} : { sizeBytes: blockCount * BLOCK_LENGTH_BYTES };
  const open = (inserted: InsertedDisc) =>
    openDisc({ ...common, ...sizeBytes, path: inserted.cartridge.path, ...(inserted.profile !== undefined && { profile: inserted.profile }) });
  const inserted = path === null ? null : { cartridge: { path, barcode: null, kind: 'cdrom' }, profile };
  const drive = new OpticalDrive({
    transferLengthBytesMax: soleUnitHost.limits.transferLengthBytesMax,
    onNotice: common.onNotice,
    onDefect: (error) => {
      throw error;
    },
    openDisc: open,
    first: inserted === null ? null : { inserted, disc: await open(inserted) },
  });
  drives.push(drive);
  const unit = new LogicalUnit({
    handle: 1,
    lun: 0,
    deviceType: opticalType,
    medium: null,
    identity,
    removable: true,
    parts: [drive],
    host: { ...soleUnitHost, nexusesOf: () => [nexus, otherNexus], after: (ms, callback) => clock.after(ms, callback), ...options.host },
  });
  return { unit, drive, notices, clock };
}

/** A scene around an ordinary image. */
export async function pressedScene(path: string, blockCount = 400, options: OpticalOptions = {}): Promise<OpticalScene> {
  writeFileSync(path, isoImage(blockCount));
  return opticalScene(path, options);
}

export async function good(unit: LogicalUnit, cdb: string, options: CommandOptions = {}): Promise<Uint8Array> {
  const command = await runDeferred(unit, cdb, options);
  assert.is(command.status, ScsiStatus.good, `${cdb}: GOOD, sense ${senseOf(command)}`);
  return dataInOf(command);
}

/** `05/21/02`, or an empty text where the command was GOOD. */
export function senseOf(command: CommandSlot): string {
  if (command.status === ScsiStatus.good) return '';
  if (command.status !== ScsiStatus.checkCondition) return `status ${command.status}`;
  return [command.sense[2], command.sense[12], command.sense[13]].map((byte) => (byte as number).toString(16).padStart(2, '0')).join('/');
}

export async function sense(unit: LogicalUnit, cdb: string, options: CommandOptions = {}): Promise<string> {
  return senseOf(await runDeferred(unit, cdb, options));
}

const hexOf = (value: number, digits: number) => value.toString(16).padStart(digits, '0');

export function write10(lba: number, count: number): string {
  return `2a00 ${hexOf(lba, 8)} 00 ${hexOf(count, 4)} 00`;
}

export function read10(lba: number, count: number): string {
  return `2800 ${hexOf(lba, 8)} 00 ${hexOf(count, 4)} 00`;
}

/** Writes blocks that begin with their address. */
export function writeBlocks(unit: LogicalUnit, lba: number, count: number, by: ITNexus = nexus): Promise<CommandSlot> {
  return runDeferred(unit, write10(lba, count), { dataOut: blocksOf(lba, count), nexus: by });
}
