import type { CarriedCommand, CarriedEnd, CarriedTask, Carrier, Connector } from '../../../../engine/devices/passthrough/carrier.js';
import type { IdentityChoice } from '../../../../engine/devices/passthrough/device-type.js';
import { Disturbance, type DisturbanceSettings, undisturbed } from '../../../../engine/devices/passthrough/disturbance.js';
import { openOver } from '../../../../engine/devices/passthrough/open-passthrough.js';
import { defaultLimits } from '../../../../engine/limits.js';
import { TaskAttribute } from '../../../../engine/pdu/index.js';
import { executeUnitCommand, prepare } from '../../../../engine/scsi/device-server.js';
import type { ITNexus } from '../../../../engine/scsi/it-nexus.js';
import { LogicalUnit } from '../../../../engine/scsi/logical-unit.js';
import { SenseKey, writeFixedSense } from '../../../../engine/scsi/sense.js';
import { ScsiStatus } from '../../../../engine/scsi/status.js';
import { soleUnitHost, type UnitState } from '../../../../engine/scsi/unit-host.js';
import type { CommandSlot } from '../../../../engine/shm/command-slot.js';
import { DataDirection } from '../../../../engine/shm/layout.js';
import { TestClock } from '../../../support/test-clock.js';
import { bindDataIn, type CommandOptions, identity, makeCommand, nexus, noteEnd, otherNexus, TestDeferral } from '../../scsi/scsi-fixture.js';

/** A command that the device has got and not answered. */
export interface HeldCommand {
  readonly command: CarriedCommand;
  readonly end: (end: CarriedEnd) => void;
  isAborted: boolean;
}

const noBytes = new Uint8Array(0);

export function good(dataInLength = 0, dataOutLength = 0): CarriedEnd {
  return { kind: 'answered', status: ScsiStatus.good, sense: noBytes, dataInLength, dataOutLength };
}

export function check(key: SenseKey, asc: number): CarriedEnd {
  const sense = new Uint8Array(18);
  writeFixedSense(sense, key, asc);
  return { kind: 'answered', status: ScsiStatus.checkCondition, sense, dataInLength: 0, dataOutLength: 0 };
}

export function attention(asc: number): CarriedEnd {
  return check(SenseKey.unitAttention, asc);
}

/** A direct-access device of 36 bytes of INQUIRY data. */
export function inquiryData(product = 'REMOTE'): Uint8Array {
  const data = Buffer.alloc(36, 0x20);
  data.set([0x00, 0x80, 0x06, 0x22, 31, 0, 0, 2]);
  data.write('ELSE    ', 8, 'latin1');
  data.write(product.padEnd(16), 16, 'latin1');
  return data;
}

/** A device elsewhere, as a script of what it answers. */
export class FakeDevice implements Connector {
  readonly name = 'fake device';
  readonly isPerNexus: boolean;
  isThere = true;
  /** What TEST UNIT READY of a new way tells, one after the other. */
  attentions: number[] = [];
  standard = inquiryData();
  readonly carriers: FakeCarrier[] = [];
  /** Commands that were not our own questions, in their order. */
  readonly seen: CarriedCommand[] = [];
  readonly held: HeldCommand[] = [];
  /** TEST UNIT READY that we ask ourselves is not answered, and held. */
  isSilent = false;
  resetCount = 0;
  acaCount = 0;
  /** Answers at once; null holds the command. */
  answer: (command: CarriedCommand, carrier: FakeCarrier) => CarriedEnd | null = () => good();

  constructor(isPerNexus = false) {
    this.isPerNexus = isPerNexus;
  }

  async connect(wayName: string, onLost: (why: string) => void): Promise<Carrier> {
    if (!this.isThere) throw new TypeError('nobody is there');
    const carrier = new FakeCarrier(this, wayName, onLost, [...this.attentions]);
    this.carriers.push(carrier);
    return carrier;
  }

  /** All ways break; the device does not come back before `isThere` is set. */
  vanish(): void {
    this.isThere = false;
    for (const carrier of this.carriers.splice(0)) carrier.break();
  }
}

export class FakeCarrier implements Carrier {
  readonly device: FakeDevice;
  readonly wayName: string;
  readonly attentions: number[];
  readonly #onLost: (why: string) => void;
  #isSettled = false;
  isClosed = false;

  constructor(device: FakeDevice, wayName: string, onLost: (why: string) => void, attentions: number[]) {
    this.device = device;
    this.wayName = wayName;
    this.#onLost = onLost;
    this.attentions = attentions;
  }

  carry(command: CarriedCommand, onEnd: (end: CarriedEnd) => void): CarriedTask {
    const held: HeldCommand = { command, end: onEnd, isAborted: false };
    const end = this.#answerTo(command);
    if (end === null) this.device.held.push(held);
    else queueMicrotask(() => onEnd(end));
    return {
      abort: () => {
        held.isAborted = true;
      },
    };
  }

  /** Questions of the passthrough's own come before the first command, and after a reset. */
  #answerTo(command: CarriedCommand): CarriedEnd | null {
    const opcode = command.cdb[0] as number;
    if (opcode === 0x00 && !this.#isSettled) {
      if (this.device.isSilent) return null;
      const asc = this.attentions.shift();
      if (asc !== undefined) return attention(asc);
      this.#isSettled = true;
      return good();
    }
    if (opcode === 0x12 && command.dataIn?.length === 255 && command.cdb[4] === 255) {
      if (command.cdb[1] !== 0) return check(SenseKey.illegalRequest, 0x2400);
      command.dataIn.set(this.device.standard);
      return good(this.device.standard.length);
    }
    this.device.seen.push(command);
    return this.device.answer(command, this);
  }

  async resetUnit(): Promise<void> {
    this.device.resetCount++;
    for (const carrier of this.device.carriers) {
      carrier.attentions.push(0x2903);
      carrier.#isSettled = false;
    }
  }

  async clearAca(): Promise<void> {
    this.device.acaCount++;
  }

  async close(): Promise<void> {
    this.isClosed = true;
  }

  break(): void {
    for (const { end } of this.device.held.splice(0)) end({ kind: 'lost' });
    this.#onLost('the line was cut');
  }
}

export interface SceneOptions {
  readonly isPerNexus?: boolean;
  readonly identity?: IdentityChoice;
  readonly disturbance?: Partial<DisturbanceSettings>;
  readonly random?: () => number;
  readonly isThere?: boolean;
  readonly attentions?: number[];
  readonly state?: UnitState;
}

/** Lets everything happen that waits for nothing but its turn. */
export async function turn(): Promise<void> {
  for (let count = 0; count < 5; count++) await new Promise<void>((resolve) => setImmediate(resolve));
}

/** A passthrough unit in front of a fake device, seen by two nexuses. */
export async function makeScene(options: SceneOptions = {}) {
  const device = new FakeDevice(options.isPerNexus ?? false);
  device.isThere = options.isThere ?? true;
  device.attentions = options.attentions ?? [];
  const clock = new TestClock();
  const notices: string[] = [];
  const disturbance = new Disturbance({ ...undisturbed, ...options.disturbance }, options.random ?? (() => 0.5));
  const opened = openOver(device, disturbance, options.identity ?? 'device', { clock, limits: defaultLimits, onNotice: (text) => notices.push(text) });
  const host = { ...soleUnitHost, nexusesOf: () => [nexus, otherNexus], ...(options.state === undefined ? {} : { state: options.state }) };
  const unit = new LogicalUnit({ handle: 1, lun: 0, deviceType: opened.deviceType, medium: null, identity, host, parts: opened.parts });
  await turn();
  return { device, clock, notices, opened, part: opened.part, unit };
}

export interface Started {
  readonly command: CommandSlot;
  readonly deferral: TestDeferral;
  readonly ended: Promise<CommandSlot>;
}

export interface SentOptions extends CommandOptions {
  readonly attribute?: TaskAttribute;
}

/** Starts a command as the task runner does, with memory for what it reads. */
export function start(unit: LogicalUnit, cdb: string, options: SentOptions = {}): Started {
  const direction =
    options.direction ??
    (options.dataOut === undefined ? DataDirection.in : options.expectedDataInLength === undefined ? DataDirection.out : DataDirection.bidirectional);
  const command = makeCommand(cdb, { expectedDataInLength: 0, ...options, direction });
  command.taskAttribute = options.attribute ?? TaskAttribute.simple;
  const by: ITNexus = options.nexus ?? nexus;
  const deferral = new TestDeferral();
  const row = prepare(command, unit, by);
  if (row === null) return { command, deferral, ended: Promise.resolve(command) };
  if (row.runsOn === 'main' && row.reservesDataIn === true && command.plannedDataInLength > 0) bindDataIn(command);
  executeUnitCommand(row, command, unit, by, deferral);
  const ended = deferral.isDeferred ? deferral.done.then(() => command) : Promise.resolve(command);
  return { command, deferral, ended };
}

export async function send(unit: LogicalUnit, cdb: string, options: SentOptions = {}): Promise<CommandSlot> {
  const command = await start(unit, cdb, options).ended;
  noteEnd(unit, command);
  return command;
}

/** `06/29/00`, `good`, or another status in hex. */
export function outcomeOf({ status, sense }: CommandSlot): string {
  if (status === ScsiStatus.good) return 'good';
  if (status !== ScsiStatus.checkCondition) return status.toString(16);
  return [sense[2], sense[12], sense[13]].map((byte) => (byte as number).toString(16).padStart(2, '0')).join('/');
}
