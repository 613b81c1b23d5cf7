import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { BoundThread } from '../../../../engine/devices/bound-thread.js';
import type { TapeService, TapeServiceOptions } from '../../../../engine/devices/tape/image/tape-service.js';
import { type Density, densityNamed } from '../../../../engine/devices/tape/medium/density.js';
import { DriveSettings } from '../../../../engine/devices/tape/medium/drive-settings.js';
import { tape } from '../../../../engine/devices/tape/tape.js';
import { TapeUnit, type TapeUnitOptions } from '../../../../engine/devices/tape/tape-unit.js';
import { defaultLimits } from '../../../../engine/limits.js';
import { executeUnitCommand, prepare } from '../../../../engine/scsi/device-server.js';
import type { ITNexus } from '../../../../engine/scsi/it-nexus.js';
import { LogicalUnit } from '../../../../engine/scsi/logical-unit.js';
import { ScsiStatus } from '../../../../engine/scsi/status.js';
import { type LogicalUnitHost, soleUnitHost } from '../../../../engine/scsi/unit-host.js';
import type { CommandSlot } from '../../../../engine/shm/command-slot.js';
import { bindDataIn, type CommandOptions, identity, makeCommand, nexus, noteEnd, otherNexus, TestDeferral } from '../../scsi/scsi-fixture.js';

export const SERVICE = new URL('../../../../engine/devices/tape/image/tape-service.js', import.meta.url);
export const CAPACITY_BYTES = 4 * 1024 * 1024;

export interface RigOptions {
  readonly capacityBytes?: number;
  readonly worm?: boolean;
  readonly readOnly?: boolean;
  readonly blockLengthBytes?: number;
  readonly compression?: boolean;
  /** No cartridge in the drive. */
  readonly isEmpty?: boolean;
  readonly barcode?: string;
  readonly host?: Partial<LogicalUnitHost>;
  readonly isBound?: boolean;
}

/** A tape drive on an image in a directory of its own. */
export class TapeRig {
  readonly directory = mkdtempSync(join(tmpdir(), 'lunloom-tape-'));
  readonly path = join(this.directory, 'one.tape');
  readonly drive: TapeUnit;
  readonly unit: LogicalUnit;
  readonly notices: string[] = [];
  readonly defects: unknown[] = [];
  thread: BoundThread<TapeService> | null = null;

  private constructor(options: RigOptions) {
    const density = densityNamed('lto-8') as Density;
    const serviceOptions: TapeServiceOptions = { limits: defaultLimits, owner: randomUUID() };
    const driveOptions: TapeUnitOptions = {
      start: async (onLost) => {
        this.thread = await BoundThread.start<TapeService>({ moduleUrl: SERVICE, options: serviceOptions, isBound: options.isBound ?? false, onLost });
        return this.thread;
      },
      creation: {
        capacityBytes: options.capacityBytes ?? CAPACITY_BYTES,
        worm: options.worm ?? false,
        barcode: options.barcode ?? null,
        densityCode: density.code,
      },
      readOnly: options.readOnly ?? false,
      density,
      isCompressing: options.compression ?? false,
      settings: new DriveSettings(options.blockLengthBytes ?? 0),
      blockLengthBytesMax: 1024 * 1024,
      partitionCountMax: 4,
      onNotice: (message) => this.notices.push(message),
      onDefect: (error) => this.defects.push(error),
    };
    this.drive = new TapeUnit(driveOptions);
    this.unit = new LogicalUnit({
      handle: 1,
      lun: 0,
      deviceType: tape,
      medium: null,
      identity: { ...identity, product: 'VIRTUAL-TAPE' },
      removable: true,
      parts: [this.drive],
      host: { ...soleUnitHost, nexusesOf: () => [nexus, otherNexus], ...options.host },
    });
  }

  static async make(options: RigOptions = {}): Promise<TapeRig> {
    const rig = new TapeRig(options);
    await rig.drive.start();
    if (options.isEmpty !== true) await rig.drive.loadFirst({ path: rig.path, barcode: options.barcode ?? null, kind: 'tape' });
    for (const each of [nexus, otherNexus]) while (rig.unit.takeUnitAttention(each) !== undefined);
    return rig;
  }

  /** A CDB in hex digits through `prepare` and its execution to its end, as the task runner takes it. */
  async run(cdb: string, options: CommandOptions = {}): Promise<CommandSlot> {
    const command = makeCommand(cdb, options);
    const by: ITNexus = options.nexus ?? nexus;
    const deferral = new TestDeferral();
    const row = prepare(command, this.unit, by);
    if (row === null) assert.is.not(command.status, ScsiStatus.good, 'prepare ended the command with a status');
    else {
      assert.is(row.runsOn, 'main');
      command.dataOutLength = Math.min(command.dataOutLength, command.plannedDataOutLength);
      if (row.runsOn === 'main' && row.reservesDataIn === true) bindDataIn(command);
      executeUnitCommand(row, command, this.unit, by, deferral);
      if (deferral.isDeferred) await deferral.done;
    }
    noteEnd(this.unit, command);
    return command;
  }

  async write(...blocks: readonly Uint8Array[]): Promise<void> {
    for (const block of blocks) {
      const command = await this.run(`0a 00 ${length24(block.length)} 00`, { dataOut: block });
      assert.is(command.status, ScsiStatus.good, sense(command));
    }
  }

  async mark(count = 1): Promise<void> {
    assert.is((await this.run(`10 00 ${length24(count)} 00`)).status, ScsiStatus.good);
  }

  async rewind(): Promise<void> {
    assert.is((await this.run('01 00 00 00 00 00')).status, ScsiStatus.good);
  }

  /** Partition and object number that READ POSITION tells. */
  async at(): Promise<string> {
    const { partition, objectNumber } = (await this.drive.call('position')) as { partition: number; objectNumber: number };
    return `${partition}/${objectNumber}`;
  }

  async end(): Promise<void> {
    await this.drive.close();
    rmSync(this.directory, { recursive: true, force: true });
    assert.equal(this.defects, [], 'no defects');
  }
}

/** A rig for one test, closed after it. */
export async function withTape(options: RigOptions, use: (rig: TapeRig) => Promise<void>): Promise<void> {
  const rig = await TapeRig.make(options);
  try {
    await use(rig);
  } finally {
    await rig.end();
  }
}

export function length24(value: number): string {
  return ((value + 0x1000000) % 0x1000000).toString(16).padStart(6, '0');
}

export function block(lengthBytes: number, seed = 1): Uint8Array {
  return Uint8Array.from({ length: lengthBytes }, (_, at) => (at * 31 + seed * 7) & 0xff);
}

/** `key/asc/ascq`, with F, E and I for FILEMARK, EOM and ILI and the INFORMATION field in decimals where it is valid: `00/00/01 F 3`. */
export function sense(command: CommandSlot): string {
  if (command.senseLength === 0) return command.status === ScsiStatus.good ? 'good' : `status ${command.status.toString(16)}`;
  const bytes = command.sense;
  const hexOf = (value: number) => value.toString(16).padStart(2, '0');
  const second = bytes[2] as number;
  const flags = [second & 0x80 ? 'F' : '', second & 0x40 ? 'E' : '', second & 0x20 ? 'I' : ''].join('');
  const deferred = ((bytes[0] as number) & 0x7f) === 0x71 ? ' deferred' : '';
  const information = (bytes[0] as number) & 0x80 ? ` ${new DataView(bytes.buffer, bytes.byteOffset).getInt32(3)}` : '';
  return `${hexOf(second & 0x0f)}/${hexOf(bytes[12] as number)}/${hexOf(bytes[13] as number)}${flags === '' ? '' : ` ${flags}`}${information}${deferred}`;
}
