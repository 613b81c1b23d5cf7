import * as assert from 'uvu/assert';
import type { CommandRow, Deferral, DeviceType } from '../../../engine/scsi/command-table.js';
import { executeMediumCommand, executeUnitCommand, prepare } from '../../../engine/scsi/device-server.js';
import { deviceTypes } from '../../../engine/scsi/device-types.js';
import type { ITNexus } from '../../../engine/scsi/it-nexus.js';
import { LogicalUnit, type LogicalUnitIdentity } from '../../../engine/scsi/logical-unit.js';
import { Medium, type ProtectionType } from '../../../engine/scsi/medium.js';
import { Asc } from '../../../engine/scsi/sense.js';
import { ScsiStatus } from '../../../engine/scsi/status.js';
import { type LogicalUnitHost, soleUnitHost } from '../../../engine/scsi/unit-host.js';
import { CommandSlot, SlotMemory } from '../../../engine/shm/command-slot.js';
import { DataDirection } from '../../../engine/shm/layout.js';
import type { BackingStore } from '../../../engine/store/store.js';
import { assertBytes, hex } from '../../support/assert-bytes.js';
import { noteCommand } from '../../support/command-coverage.js';
import { MemoryStore } from './memory-store.js';

export const BLOCK = 512;
export const BLOCK_COUNT = 1024;
export const TRANSFER_BYTES_MAX = 256 * BLOCK;

export const nexus: ITNexus = {
  id: 1,
  initiatorPortName: 'iqn.2024-01.test:host,i,0x80123456789a',
  targetPortName: 'iqn.2024-01.test:t,t,0x0001',
  relativeTargetPortIdentifier: 3,
};
export const otherNexus: ITNexus = { ...nexus, id: 2 };

export const identity = { vendor: 'LUNLOOM', product: 'VIRTUAL-DISK', revision: '0001', serial: 'SN-0042', naa: '3123456789abcdef' };

export interface UnitOptions {
  readonly store?: BackingStore;
  readonly blockLengthBytes?: number;
  readonly readOnly?: boolean;
  readonly thin?: boolean;
  readonly luns?: readonly number[];
  readonly deviceType?: DeviceType;
  readonly hasMedium?: boolean;
  readonly removable?: boolean;
  /** Blocks have protection information; the store has to be a `ProtectedStore`. */
  readonly protectionType?: ProtectionType;
  /** What differs from `identity`. */
  readonly identity?: Partial<LogicalUnitIdentity>;
  /** What differs from a unit that stands alone. */
  readonly host?: Partial<LogicalUnitHost>;
}

export function makeUnit(options: UnitOptions = {}): LogicalUnit {
  const store = options.store ?? new MemoryStore(BLOCK * BLOCK_COUNT);
  const medium = new Medium(store, {
    blockLengthBytes: options.blockLengthBytes ?? BLOCK,
    readOnly: options.readOnly ?? false,
    thin: options.thin ?? false,
    transferLengthBytesMax: TRANSFER_BYTES_MAX,
    protectionType: options.protectionType ?? 0,
  });
  return new LogicalUnit({
    handle: 1,
    lun: 0,
    deviceType: options.deviceType ?? deviceTypes[(options.protectionType ?? 0) === 0 ? 'disk' : 'protectedDisk'],
    medium: options.hasMedium === false ? null : medium,
    identity: { ...identity, ...options.identity },
    removable: options.removable ?? false,
    host: { ...soleUnitHost, luns: () => options.luns ?? [0], ...options.host },
  });
}

/** A unit of the type `absent`. */
export function makeAbsentUnit(luns: readonly number[] = []): LogicalUnit {
  return makeUnit({ deviceType: deviceTypes.absent, hasMedium: false, luns });
}

export interface CommandOptions {
  /** Bytes the initiator sends. */
  readonly dataOut?: Uint8Array;
  /** Bytes the initiator takes; more than any command has when left out. */
  readonly expectedDataInLength?: number;
  /** 16, which is what iSCSI brings at least, or the bytes given when they are more. */
  readonly cdbLength?: number;
  readonly nexus?: ITNexus;
  /** `bidirectional` unless told, as lengths are given for both ways. */
  readonly direction?: DataDirection;
}

const EXPECTED_DATA_IN_MAX = 0xffffffff;
/** Data-In and Data-Out do not lie at the start of their memory, as in the arena. */
const DATA_START = 24;
const ISCSI_CDB_LENGTH = 16;
const REUSED = 0xdd;
/** So many commands of a test may be open at a time. */
const SLOT_COUNT = 16;
const memory = SlotMemory.allocate(SLOT_COUNT);
let slotsUsed = 0;

/** A slot with a CDB, given in hex digits, as the session leaves it. */
export function makeCommand(cdb: string, options: CommandOptions = {}): CommandSlot {
  const command = new CommandSlot(memory, slotsUsed++ % SLOT_COUNT);
  const bytes = hex(cdb);
  command.resetOutcome();
  command.sense.fill(0xee);
  command.cdb.fill(0);
  command.cdb.set(bytes);
  // The 16-byte field of the SCSI Command PDU is what iSCSI brings, however short the CDB.
  command.cdbLength = options.cdbLength ?? Math.max(bytes.length, ISCSI_CDB_LENGTH);
  command.direction = options.direction ?? DataDirection.bidirectional;
  command.expectedDataInLength = options.expectedDataInLength ?? EXPECTED_DATA_IN_MAX;
  const dataOut = options.dataOut ?? new Uint8Array(0);
  command.expectedDataOutLength = dataOut.length;
  // A Buffer, as the engine's memory is: its `slice` copies nothing.
  command.dataOut = Buffer.alloc(DATA_START + dataOut.length);
  command.dataOut.set(dataOut, DATA_START);
  command.dataOutStart = DATA_START;
  command.dataOutLength = dataOut.length;
  return command;
}

/** Binds room for exactly the Data-In that a planned command may fetch. */
export function bindDataIn(command: CommandSlot): void {
  command.dataInCapacity = Math.min(command.plannedDataInLength, command.expectedDataInLength);
  command.dataIn = new Uint8Array(DATA_START + command.dataInCapacity);
  command.dataInStart = DATA_START;
}

/** Runs a CDB through `prepare` and its execution, as the task router does. */
export function run(unit: LogicalUnit, cdb: string, options: CommandOptions = {}, deferral: Deferral = new TestDeferral()): CommandSlot {
  const command = makeCommand(cdb, options);
  const row = prepare(command, unit, options.nexus ?? nexus);
  if (row === null) assert.is.not(command.status, ScsiStatus.good, 'prepare ended the command with a status');
  else execute(row, command, unit, options.nexus ?? nexus, deferral);
  if (!(deferral instanceof TestDeferral && deferral.isDeferred)) noteEnd(unit, command);
  return command;
}

const fieldErrors: readonly number[] = [Asc.invalidFieldInCdb, Asc.invalidFieldInParameterList, Asc.parameterListLengthError, Asc.lbaOutOfRange];

/** For the list of commands and their tests, `docs/commands.md`. */
export function noteEnd(unit: LogicalUnit, command: CommandSlot): void {
  const name = unit.deviceType.commands.find(command.cdb)?.name;
  if (name === undefined) return;
  const { status, sense } = command;
  const isDescriptor = (sense[0] as number) >= 0x72;
  const asc = isDescriptor ? ((sense[2] as number) << 8) | (sense[3] as number) : ((sense[12] as number) << 8) | (sense[13] as number);
  if (status === ScsiStatus.good || status === ScsiStatus.conditionMet) noteCommand(unit.deviceType.name, name, 'success');
  else if (status === ScsiStatus.reservationConflict) noteCommand(unit.deviceType.name, name, 'conflict');
  else if (status === ScsiStatus.checkCondition && fieldErrors.includes(asc)) noteCommand(unit.deviceType.name, name, 'fieldError');
}

/** A command that ends after its `execute` has returned. */
export class TestDeferral implements Deferral {
  isDeferred = false;
  onAbort: (() => void) | undefined;
  readonly done: Promise<void>;
  #finish: () => void = () => {};

  constructor() {
    this.done = new Promise((resolve) => {
      this.#finish = resolve;
    });
  }

  defer(onAbort?: () => void): () => void {
    assert.not.ok(this.isDeferred, 'deferred once');
    this.isDeferred = true;
    this.onAbort = onAbort;
    return this.#finish;
  }
}

/** Runs a CDB as `run` does and waits for it when it is deferred. */
export async function runDeferred(unit: LogicalUnit, cdb: string, options: CommandOptions = {}): Promise<CommandSlot> {
  const deferral = new TestDeferral();
  const command = run(unit, cdb, options, deferral);
  if (!deferral.isDeferred) return command;
  await deferral.done;
  command.dataOut.fill(REUSED);
  noteEnd(unit, command);
  return command;
}

function execute(row: CommandRow, command: CommandSlot, unit: LogicalUnit, byNexus: ITNexus, deferral: Deferral): void {
  if (row.runsOn === 'main') {
    command.dataOutLength = Math.min(command.dataOutLength, command.plannedDataOutLength);
    if (row.reservesDataIn === true) bindDataIn(command);
    executeUnitCommand(row, command, unit, byNexus, deferral);
    // Where the parameter list lay, other data soon lies: who keeps any of it must have copied it.
    if (!(deferral instanceof TestDeferral && deferral.isDeferred)) command.dataOut.fill(REUSED);
    return;
  }
  if (row.planFromDataOut !== undefined) {
    row.planFromDataOut(command, unit.medium as Medium);
    if (command.status !== ScsiStatus.good) return;
  }
  bindDataIn(command);
  executeMediumCommand(command, unit.deviceType, unit.medium as Medium);
}

/** The Data-In that travels: what the device server has, cut to what the initiator takes. */
export function dataInOf(command: CommandSlot): Uint8Array {
  const lengthBytes = Math.min(command.dataInLength, command.expectedDataInLength);
  return command.dataIn.subarray(command.dataInStart, command.dataInStart + lengthBytes);
}

export function assertGood(command: CommandSlot): void {
  assert.is(command.status, ScsiStatus.good, `status GOOD, sense ${Buffer.from(command.sense.subarray(0, 18)).toString('hex')}`);
  assert.is(command.senseLength, 0);
}

/** The command succeeded and returned exactly these bytes. */
export function assertData(command: CommandSlot, expected: string): void {
  assertGood(command);
  assertBytes(dataInOf(command), hex(expected));
}

/** CHECK CONDITION with exactly this key and code, as `05/24/00`, and this field pointer, as `byte` or `byte.bit`. */
export function assertCheck(command: CommandSlot, sense: string, pointer?: string): void {
  assert.is(command.status, ScsiStatus.checkCondition, 'status CHECK CONDITION');
  const byte = (at: number) => command.sense[at] as number;
  const text = [byte(2), byte(12), byte(13)].map((value) => value.toString(16).padStart(2, '0')).join('/');
  assert.is(text, sense);
  assert.is(command.senseLength, 18);
  if (pointer === undefined) return;
  const bit = (byte(15) & 0x08) === 0 ? '' : `.${byte(15) & 0x07}`;
  assert.is(byte(15) & 0xc0, 0xc0, 'the field pointer is valid and points into the CDB');
  assert.is(`${(byte(16) << 8) | byte(17)}${bit}`, pointer, 'field pointer');
}

/** The INFORMATION field, or null when it is not valid. */
export function informationOf(command: CommandSlot): number | null {
  return (command.sense[0] as number) & 0x80 ? Buffer.from(command.sense.subarray(3, 7)).readUInt32BE() : null;
}
