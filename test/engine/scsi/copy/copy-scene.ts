import * as assert from 'uvu/assert';
import { type LimitName, resolveLimits } from '../../../../engine/limits.js';
import { CopyDomain } from '../../../../engine/scsi/copy/copy-domain.js';
import { executeMediumCommand } from '../../../../engine/scsi/device-server.js';
import { deviceTypes } from '../../../../engine/scsi/device-types.js';
import type { ITNexus } from '../../../../engine/scsi/it-nexus.js';
import { LogicalUnit } from '../../../../engine/scsi/logical-unit.js';
import { Medium } from '../../../../engine/scsi/medium.js';
import { ScsiStatus } from '../../../../engine/scsi/status.js';
import { type InternalOutcome, soleUnitHost } from '../../../../engine/scsi/unit-host.js';
import { CommandSlot, SlotMemory } from '../../../../engine/shm/command-slot.js';
import { DataDirection } from '../../../../engine/shm/layout.js';
import { hex } from '../../../support/assert-bytes.js';
import { TestClock } from '../../../support/test-clock.js';
import { MemoryStore } from '../memory-store.js';
import { identity, nexus } from '../scsi-fixture.js';

/** Of every unit. */
export const STORE_BYTES = 1024 * 1024;
export const NAA = ['3000000000000001', '3000000000000002'] as const;

export interface SceneOptions {
  /** Of each unit; one unit of 512-byte blocks and one of 4096-byte blocks when left out. */
  readonly blockLengths?: readonly number[];
  readonly limits?: Partial<Record<LimitName, number>>;
  /** Called before every command that a copy gives to a unit. */
  readonly onCommand?: (lun: number, cdb: Uint8Array) => void | Promise<void>;
  readonly readOnlyLun?: number;
}

export interface CopyScene {
  readonly units: readonly LogicalUnit[];
  readonly stores: readonly MemoryStore[];
  readonly copies: CopyDomain;
  readonly clock: TestClock;
  /** LUNs whose units are no longer in the target. */
  readonly gone: Set<number>;
  readonly defects: readonly unknown[];
}

/** The logical units of one target, each over its own memory, with copies that are done command by command. */
export function makeCopyScene(options: SceneOptions = {}): CopyScene {
  const clock = new TestClock();
  const defects: unknown[] = [];
  const copies = new CopyDomain({ limits: resolveLimits(options.limits), clock, onDefect: (error) => defects.push(error) });
  const units: LogicalUnit[] = [];
  const stores: MemoryStore[] = [];
  const gone = new Set<number>();
  for (const [lun, blockLengthBytes] of (options.blockLengths ?? [512, 4096]).entries()) {
    const store = new MemoryStore(Math.floor(STORE_BYTES / blockLengthBytes) * blockLengthBytes);
    const readOnly = options.readOnlyLun === lun;
    const medium = new Medium(store, { blockLengthBytes, readOnly, transferLengthBytesMax: STORE_BYTES });
    const visible = ({ visibleLuns }: ITNexus) => units.filter(({ lun }) => !gone.has(lun) && (visibleLuns?.includes(lun) ?? true));
    const execute = async (cdb: Uint8Array, dataOut?: Uint8Array) => {
      await options.onCommand?.(lun, cdb);
      return executeInternally(units[lun] as LogicalUnit, cdb, dataOut);
    };
    const host = { ...soleUnitHost, luns: () => units.map((unit) => unit.lun), copyTargets: visible, copies, io: { ...soleUnitHost.io, execute } };
    const naa = `300000000000000${lun + 1}`;
    units.push(new LogicalUnit({ handle: lun + 1, lun, deviceType: deviceTypes.disk, medium, identity: { ...identity, naa }, host }));
    stores.push(store);
  }
  return { units, stores, copies, clock, gone, defects };
}

function executeInternally(unit: LogicalUnit, cdb: Uint8Array, dataOut: Uint8Array = new Uint8Array(0)): InternalOutcome {
  const command = new CommandSlot(SlotMemory.allocate(1), 0);
  const medium = unit.medium as Medium;
  const row = unit.deviceType.commands.find(cdb);
  assert.ok(row?.runsOn === 'any', 'only medium commands come from within');
  command.resetOutcome();
  command.cdb.set(cdb);
  command.cdbLength = cdb.length;
  command.direction = dataOut.length > 0 ? DataDirection.out : DataDirection.in;
  command.expectedDataOutLength = dataOut.length;
  command.expectedDataInLength = 0xffffffff;
  if (row?.runsOn === 'any') row.plan(command, medium, unit);
  if (command.status === ScsiStatus.good) {
    command.dataOut = dataOut;
    command.dataOutLength = dataOut.length;
    command.dataInCapacity = command.plannedDataInLength;
    command.dataIn = new Uint8Array(command.dataInCapacity);
    executeMediumCommand(command, unit.deviceType, medium);
  }
  const sense = new Uint8Array(command.sense.subarray(0, command.senseLength));
  return { status: command.status, sense, dataIn: new Uint8Array(command.dataIn.subarray(command.dataInStart, command.dataInStart + command.dataInLength)) };
}

export const uint16 = (value: number): string => value.toString(16).padStart(4, '0');
export const uint32 = (value: number): string => value.toString(16).padStart(8, '0');
export const uint64 = (value: number): string => value.toString(16).padStart(16, '0');

/** An Identification Descriptor CSCD descriptor for a NAA designator. */
export function cscd(naa: string, blockLengthBytes: number, { pad = false, nul = false, peripheralDeviceType = 0 } = {}): string {
  const unit = ((nul ? 0x20 : 0) | peripheralDeviceType).toString(16).padStart(2, '0');
  return `e4 ${unit} 0000 01 03 00 08 ${naa} 000000000000000000000000 ${pad ? '04' : '00'} ${blockLengthBytes.toString(16).padStart(6, '0')}`;
}

export interface BlockSegment {
  readonly from?: number;
  readonly to?: number;
  readonly dc?: boolean;
  readonly cat?: boolean;
  readonly count: number;
  readonly sourceLba: number;
  readonly destinationLba: number;
}

/** 02h. */
export function blockSegment({ from = 0, to = 1, dc = false, cat = false, count, sourceLba, destinationLba }: BlockSegment): string {
  const flags = ((dc ? 2 : 0) | (cat ? 1 : 0)).toString(16).padStart(2, '0');
  return `02 ${flags} 0018 ${uint16(from)} ${uint16(to)} 0000 ${uint16(count)} ${uint64(sourceLba)} ${uint64(destinationLba)}`;
}

/** 0Ah. */
export function offsetSegment(bytes: number, source: readonly [number, number], destination: readonly [number, number], from = 0, to = 1): string {
  const lbas = `${uint64(source[0])} ${uint64(destination[0])}`;
  return `0a 00 001c ${uint16(from)} ${uint16(to)} ${uint32(bytes)} ${lbas} ${uint16(source[1])} ${uint16(destination[1])}`;
}

export interface ListOptions {
  readonly listIdentifier?: number;
  /** STR, LIST ID USAGE and PRIORITY. */
  readonly flags?: string;
  readonly inlineLength?: number;
}

export function lid1List(
  targets: readonly string[],
  segments: readonly string[],
  { listIdentifier = 1, flags = '00', inlineLength = 0 }: ListOptions = {},
): Uint8Array {
  const [targetBytes, segmentBytes] = [hex(targets.join(' ')), hex(segments.join(' '))];
  const identifier = listIdentifier.toString(16).padStart(2, '0');
  const header = hex(`${identifier} ${flags} ${uint16(targetBytes.length)} 00000000 ${uint32(segmentBytes.length)} ${uint32(inlineLength)}`);
  return Buffer.concat([header, targetBytes, segmentBytes]);
}

export function lid4List(targets: readonly string[], segments: readonly string[], { listIdentifier = 1, flags = '00', immed = false } = {}): Uint8Array {
  const [targetBytes, segmentBytes] = [hex(targets.join(' ')), hex(segments.join(' '))];
  const header = Buffer.alloc(48);
  header.set(hex(`01 ${flags} 0020`));
  header[15] = immed ? 1 : 0;
  header[16] = 0xff;
  header.writeUInt32BE(listIdentifier, 20);
  header.writeUInt16BE(targetBytes.length, 42);
  header.writeUInt16BE(segmentBytes.length, 44);
  return Buffer.concat([header, targetBytes, segmentBytes]);
}

/** A 16-byte CDB of 83h whose parameter list is `list`. */
export function copyOutCdb(serviceAction: number, list: Uint8Array, listIdentifier = 0): string {
  return `83 ${serviceAction.toString(16).padStart(2, '0')} 00000000 ${uint32(listIdentifier)} ${uint32(list.length)} 00 00`;
}

/** A 16-byte CDB of 84h. */
export function copyInCdb(serviceAction: number, listIdentifier = 0, allocationLength = 4096): string {
  const action = serviceAction.toString(16).padStart(2, '0');
  const identifier = serviceAction <= 4 ? `${listIdentifier.toString(16).padStart(2, '0')} 000000` : uint32(listIdentifier);
  return `84 ${action} ${identifier} 00000000 ${uint32(allocationLength)} 00 00`;
}

/** The bytes of a unit's blocks. */
export function blocksOf(scene: CopyScene, lun: number, lba: number, count: number): Uint8Array {
  const length = ((scene.units[lun] as LogicalUnit).medium as Medium).blockLengthBytes;
  return new Uint8Array((scene.stores[lun] as MemoryStore).bytes.slice(lba * length, (lba + count) * length));
}

export const maskedNexus: ITNexus = { ...nexus, id: 7, visibleLuns: [0] };
