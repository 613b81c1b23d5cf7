import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import type { OpenDevice } from '../../../../engine/devices/device-kind.js';
import { openOsd } from '../../../../engine/devices/osd/open-osd.js';
import { defaultLimits, type Limits } from '../../../../engine/limits.js';
import { LogicalUnit } from '../../../../engine/scsi/logical-unit.js';
import { ScsiStatus } from '../../../../engine/scsi/status.js';
import { type LogicalUnitHost, soleUnitHost } from '../../../../engine/scsi/unit-host.js';
import type { CommandSlot } from '../../../../engine/shm/command-slot.js';
import { encodeOsd, type OsdCommand, osdUint } from '../../../support/osd-cdb.js';
import { type CommandOptions, dataInOf, identity, runDeferred } from '../../scsi/scsi-fixture.js';

export const PARTITION = 0x10000n;
export const OBJECT = 0x20000n;

export interface OsdBed {
  readonly directory: string;
  readonly unit: LogicalUnit;
  readonly device: OpenDevice;
  run(command: OsdCommand, options?: CommandOptions): Promise<OsdAnswer>;
  /** Closes the device and opens another one on the same directory. */
  reopen(): Promise<OsdBed>;
  close(): Promise<void>;
}

/** What came of a command. */
export interface OsdAnswer {
  readonly slot: CommandSlot;
  readonly status: number;
  /** `05/2400`, or empty. */
  readonly sense: string;
  readonly senseBytes: Buffer;
  readonly dataIn: Buffer;
  readonly retrieved: Buffer;
}

export interface OsdBedOptions {
  readonly directory?: string;
  readonly host?: Partial<LogicalUnitHost>;
  readonly limits?: Limits;
  readonly options?: Readonly<Record<string, unknown>>;
  readonly readOnly?: boolean;
  /** On a thread of its own; on this one when it is left out. */
  readonly isBound?: boolean;
}

export async function openBed(options: OsdBedOptions = {}): Promise<OsdBed> {
  const directory = options.directory ?? mkdtempSync(join(tmpdir(), 'lunloom-osd-'));
  const limits = options.limits ?? defaultLimits;
  const config = { lun: 4, device: { kind: 'osd', source: directory, options: options.options ?? {} }, readOnly: options.readOnly ?? false } as Parameters<
    typeof openOsd
  >[0];
  const device = await openOsd(config, { limits, isBound: options.isBound ?? false, onNotice: () => {} });
  const unit = new LogicalUnit({
    handle: 1,
    lun: 4,
    deviceType: device.deviceType,
    medium: null,
    identity: { ...identity, product: 'OBJECT-STORE' },
    parts: device.parts,
    host: { ...soleUnitHost, limits, after: () => () => {}, luns: () => [4], ...options.host },
  });
  await new Promise((resolve) => setImmediate(resolve));
  return {
    directory,
    unit,
    device,
    async run(command, commandOptions = {}) {
      const { cdb, dataOut, retrievedAt } = encodeOsd(command);
      const slot = await runDeferred(unit, Buffer.from(cdb).toString('hex'), { dataOut, ...commandOptions });
      return answerOf(slot, retrievedAt);
    },
    async reopen() {
      await device.close();
      return openBed({ ...options, directory });
    },
    async close() {
      await device.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

export function answerOf(slot: CommandSlot, retrievedAt = 0): OsdAnswer {
  const senseBytes = Buffer.from(slot.sense.subarray(0, slot.senseLength));
  const dataIn = Buffer.from(dataInOf(slot));
  const sense = slot.senseLength === 0 ? '' : `${hex2(senseBytes[1])}/${hex2(senseBytes[2])}${hex2(senseBytes[3])}`;
  return { slot, status: slot.status, sense, senseBytes, dataIn, retrieved: dataIn.subarray(retrievedAt) };
}

function hex2(byte: number | undefined): string {
  return (byte ?? 0).toString(16).padStart(2, '0');
}

export function good(answer: OsdAnswer): OsdAnswer {
  assert.is(answer.status, ScsiStatus.good, `status GOOD, sense ${answer.senseBytes.toString('hex')}`);
  return answer;
}

/** CHECK CONDITION in descriptor format with this key and code, and with `pointer` a field pointer into the CDB. */
export function failed(answer: OsdAnswer, sense: string, pointer?: number): OsdAnswer {
  assert.is(answer.status, ScsiStatus.checkCondition, 'status CHECK CONDITION');
  assert.is(answer.senseBytes[0], 0x72, 'descriptor format');
  assert.is(answer.sense, sense);
  if (pointer !== undefined) {
    const at = descriptorAt(answer.senseBytes, 0x02);
    assert.is((answer.senseBytes[at + 4] as number) & 0xc0, 0xc0, 'the field pointer is valid and points into the CDB');
    assert.is(answer.senseBytes.readUInt16BE(at + 5), pointer, 'field pointer');
  }
  return answer;
}

/** Where a sense data descriptor of the type starts. */
export function descriptorAt(sense: Buffer, type: number): number {
  for (let at = 8; at < sense.length; at += 2 + (sense[at + 1] as number)) if (sense[at] === type) return at;
  assert.unreachable(`there is no sense data descriptor ${type}`);
  return -1;
}

export const u64 = (value: number | bigint): Uint8Array => osdUint(value, 8);
export const bytes = (text: string): Buffer => Buffer.from(text);
