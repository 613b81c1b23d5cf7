import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { type Library, libraryOf } from '../../../../engine/devices/changer/library.js';
import { openLibrary } from '../../../../engine/devices/changer/open-library.js';
import type { OpenDevice } from '../../../../engine/devices/device-kind.js';
import { defaultLimits } from '../../../../engine/limits.js';
import { LogicalUnit } from '../../../../engine/scsi/logical-unit.js';
import { soleUnitHost } from '../../../../engine/scsi/unit-host.js';
import type { CommandSlot } from '../../../../engine/shm/command-slot.js';
import type { StateIo } from '../../../../engine/state/state-io.js';
import { dataInOf, identity, makeUnit, nexus, otherNexus } from '../../scsi/scsi-fixture.js';
import { FakeDrive } from './fake-drive.js';

const roots: string[] = [];

/** A directory of its own, gone at the end of the process. */
export function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'lunloom-changer-'));
  if (roots.length === 0)
    process.on('exit', () => {
      for (const root of roots) rmSync(root, { recursive: true, force: true });
    });
  roots.push(folder);
  return folder;
}

/** Two drives, four slots, two import/export elements and cartridges A to C in slots 1 to 3. */
export const LIBRARY = `drives: [1, 2]
slots: 4
import-export: 2
cartridges:
  - { path: a.tape, barcode: AAA001L6 }
  - { path: b.tape, barcode: BBB002L6 }
  - { path: c.tape, barcode: CCC003L6 }
`;

/** Element addresses of that library. */
export const PICKER = '0000';
export const DRIVE_1 = '0100';
export const DRIVE_2 = '0101';
export const MAILSLOT_1 = '0300';
export const MAILSLOT_2 = '0301';
export const SLOT_1 = '0400';
export const SLOT_2 = '0401';
export const SLOT_3 = '0402';
export const SLOT_4 = '0403';

export interface Scene {
  readonly folder: string;
  readonly path: string;
  readonly device: OpenDevice;
  readonly library: Library;
  readonly unit: LogicalUnit;
  readonly drives: readonly FakeDrive[];
  readonly notices: string[];
  /** Which cartridge is where, in short: `slot 1: a.tape`. */
  placed(): string[];
  close(): Promise<void>;
}

export interface SceneOptions {
  readonly text?: string;
  readonly folder?: string;
  readonly images?: readonly string[];
  readonly drives?: readonly FakeDrive[];
  readonly io?: StateIo;
}

/** A library that is served, with fake drives at LUN 1 and 2 and itself at LUN 3; each nexus sees it. */
export async function makeScene(options: SceneOptions = {}): Promise<Scene> {
  const folder = options.folder ?? makeFolder();
  const path = join(folder, 'lab.lib.yaml');
  if (options.text !== undefined || options.folder === undefined) writeFileSync(path, options.text ?? LIBRARY);
  for (const image of options.images ?? (options.folder === undefined ? ['a.tape', 'b.tape', 'c.tape'] : [])) writeFileSync(join(folder, image), '');
  const notices: string[] = [];
  const defects: unknown[] = [];
  const context = { limits: defaultLimits, onNotice: (message: string) => notices.push(message), onDefect: (error: unknown) => defects.push(error) };
  const device = openLibrary(path, context, options.io);
  const drives = options.drives ?? [new FakeDrive(), new FakeDrive()];
  const units = new Map(drives.map((drive, index) => [index + 1, makeDriveUnit(index + 1, drive)]));
  const host = { ...soleUnitHost, unitAt: (lun: number) => units.get(lun), nexusesOf: () => [nexus, otherNexus] };
  const { deviceType, parts, removable = false } = device;
  const unit = new LogicalUnit({ handle: 3, lun: 3, deviceType, medium: null, identity: { ...identity, product: 'MEDIA-CHANGER' }, host, parts, removable });
  try {
    await unit.announceTarget();
  } catch (error) {
    await device.close();
    throw error;
  }
  const library = libraryOf(unit);
  assert.equal(defects, []);
  return {
    folder,
    path,
    device,
    library,
    unit,
    drives,
    notices,
    placed: () => placed(library),
    close: () => device.close(),
  };
}

function makeDriveUnit(lun: number, drive: FakeDrive): LogicalUnit {
  const unit = makeUnit({ hasMedium: false, identity: { product: 'TAPE', serial: `DRIVE-${lun}` } });
  const own = new LogicalUnit({ handle: lun + 10, lun, deviceType: unit.deviceType, medium: null, identity: unit.identity });
  own.mediaDrive = drive;
  return own;
}

function placed({ layout, contents }: Library): string[] {
  return layout.elements.flatMap(({ address }) => {
    const occupant = contents.get(address);
    return occupant === undefined ? [] : [`${address}: ${occupant.cartridge.path.slice(occupant.cartridge.path.lastIndexOf('/') + 1)}`];
  });
}

export const hexOf = (command: CommandSlot) => Buffer.from(dataInOf(command)).toString('hex');

/** What a descriptor of READ ELEMENT STATUS says, field by field. */
export interface ReadElement {
  readonly type: number;
  readonly address: number;
  readonly flags: number;
  readonly asc: number;
  readonly source: number | null;
  readonly tag: string;
  readonly identifier: string;
}

/** Decodes element status data on its own, as an initiator would. */
export function readElements(data: Uint8Array): ReadElement[] {
  const bytes = Buffer.from(data);
  const elements: ReadElement[] = [];
  let at = 8;
  while (at < bytes.length) {
    const type = bytes[at] as number;
    const hasTag = ((bytes[at + 1] as number) & 0x80) !== 0;
    const length = bytes.readUInt16BE(at + 2);
    const end = Math.min(at + 8 + bytes.readUIntBE(at + 5, 3), bytes.length);
    for (at += 8; at < end; at += length) {
      const each = bytes.subarray(at, at + length);
      const behindTag = hasTag ? 48 : 12;
      elements.push({
        type,
        address: each.readUInt16BE(0),
        flags: each[2] as number,
        asc: each.readUInt16BE(4),
        source: ((each[9] as number) & 0x80) === 0 ? null : each.readUInt16BE(10),
        tag: hasTag ? each.toString('latin1', 12, 44).replace(/[ \0]+$/, '') : '',
        identifier: each.toString('latin1', behindTag + 4, behindTag + 4 + (each[behindTag + 3] as number)),
      });
    }
  }
  return elements;
}
