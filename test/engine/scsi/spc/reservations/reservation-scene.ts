import * as assert from 'uvu/assert';
import { TargetPortGroups } from '../../../../../engine/scsi/alua/target-port-groups.js';
import { prepare } from '../../../../../engine/scsi/device-server.js';
import type { ITNexus } from '../../../../../engine/scsi/it-nexus.js';
import type { LogicalUnit } from '../../../../../engine/scsi/logical-unit.js';
import { ScsiStatus } from '../../../../../engine/scsi/status.js';
import { type LogicalUnitHost, soleUnitHost } from '../../../../../engine/scsi/unit-host.js';
import type { CommandSlot } from '../../../../../engine/shm/command-slot.js';
import {
  PersistentReserveOutAction,
  persistentReserveInCdb,
  persistentReserveOutCdb,
  type RegisterAndMoveFields,
  type ReserveOutFields,
  registerAndMoveParameterList,
  reserveOutParameterList,
} from '../../../../../initiator/scsi/persistent-reservation-cdbs.js';
import { assertGood, dataInOf, makeCommand, makeUnit, noteEnd, run, runDeferred } from '../../scsi-fixture.js';

export const Action = PersistentReserveOutAction;
export const TARGET_PORTS = [1, 2] as const;

export function nexusOf(id: number, host: string, targetPort = 1): ITNexus {
  return {
    id,
    initiatorPortName: `iqn.2024-01.test:${host},i,0x80000000000${id % 10}`,
    targetPortName: `iqn.2024-01.test:t,t,0x000${targetPort}`,
    relativeTargetPortIdentifier: targetPort,
  };
}

export const [a, b, c] = [nexusOf(1, 'a'), nexusOf(2, 'b'), nexusOf(3, 'c')] as const;
/** The initiator port of `a` at the other target port. */
export const aElsewhere: ITNexus = { ...a, id: 11, relativeTargetPortIdentifier: 2 };
export const [keyA, keyB, keyC] = [0xa1n, 0xb2n, 0xc3n] as const;

/** A logical unit that these nexuses see. */
export function makeScene(host: Partial<LogicalUnitHost> = {}, nexuses: readonly ITNexus[] = [a, b, c, aElsewhere]): LogicalUnit {
  const portGroups = TargetPortGroups.single([...TARGET_PORTS], { after: () => () => {}, transitionMsMax: 0 });
  return makeUnit({ host: { ...soleUnitHost, portGroups, nexusesOf: () => nexuses, ...host } });
}

export interface OutOptions extends Partial<ReserveOutFields> {
  readonly type?: number;
  /** LU_SCOPE unless told. */
  readonly scope?: number;
}

export function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function outCommand(action: number, key: bigint, serviceActionKey: bigint, options: OutOptions): { cdb: string; dataOut: Buffer } {
  const dataOut = reserveOutParameterList({ ...options, key, serviceActionKey });
  const cdb = persistentReserveOutCdb(action, options.type ?? 0, dataOut.length);
  cdb[2] = ((options.scope ?? 0) << 4) | (options.type ?? 0);
  return { cdb: hexOf(cdb), dataOut };
}

export function out(unit: LogicalUnit, nexus: ITNexus, action: number, key: bigint, serviceActionKey = 0n, options: OutOptions = {}): CommandSlot {
  const { cdb, dataOut } = outCommand(action, key, serviceActionKey, options);
  return run(unit, cdb, { nexus, dataOut });
}

/** The same for what ends later. The command is the fixture's only slot: look at it before the next one. */
export function outLater(
  unit: LogicalUnit,
  nexus: ITNexus,
  action: number,
  key: bigint,
  serviceActionKey = 0n,
  options: OutOptions = {},
): Promise<CommandSlot> {
  const { cdb, dataOut } = outCommand(action, key, serviceActionKey, options);
  return runDeferred(unit, cdb, { nexus, dataOut });
}

export function move(unit: LogicalUnit, nexus: ITNexus, fields: RegisterAndMoveFields): CommandSlot {
  const dataOut = registerAndMoveParameterList(fields);
  return run(unit, hexOf(persistentReserveOutCdb(Action.registerAndMove, 0, dataOut.length)), { nexus, dataOut });
}

export function good(command: CommandSlot): void {
  assertGood(command);
}

export function conflicts(command: CommandSlot): void {
  assert.is(command.status, ScsiStatus.reservationConflict, 'status RESERVATION CONFLICT');
  assert.is(command.senseLength, 0, 'RESERVATION CONFLICT has no sense data');
}

/** Registers each of them. */
export function register(unit: LogicalUnit, ...registrations: readonly (readonly [ITNexus, bigint])[]): void {
  for (const [nexus, key] of registrations) good(out(unit, nexus, Action.register, 0n, key));
}

export function reserve(unit: LogicalUnit, nexus: ITNexus, key: bigint, type: number): void {
  good(out(unit, nexus, Action.reserve, key, 0n, { type }));
}

function reserveIn(unit: LogicalUnit, action: number, nexus: ITNexus = c): Buffer {
  const command = run(unit, hexOf(persistentReserveInCdb(action, 0xffff)), { nexus });
  good(command);
  return Buffer.from(dataInOf(command));
}

export function keysOf(unit: LogicalUnit): bigint[] {
  const data = reserveIn(unit, 0);
  return Array.from({ length: data.readUInt32BE(4) / 8 }, (_, index) => data.readBigUInt64BE(8 + 8 * index));
}

export function generationOf(unit: LogicalUnit): number {
  return reserveIn(unit, 0).readUInt32BE(0);
}

/** `key/type`, or null. */
export function reservationOf(unit: LogicalUnit): string | null {
  const data = reserveIn(unit, 1);
  return data.length < 24 ? null : `${data.readBigUInt64BE(8).toString(16)}/${data[21]}`;
}

export function fullStatusOf(unit: LogicalUnit): Buffer {
  return reserveIn(unit, 3);
}

export function capabilitiesOf(unit: LogicalUnit): Buffer {
  return reserveIn(unit, 2);
}

/** What waits for the nexus, as `2a05`; taken. */
export function attentionsOf(unit: LogicalUnit, nexus: ITNexus): string[] {
  const taken: string[] = [];
  for (let attention = unit.takeUnitAttention(nexus); attention !== undefined; attention = unit.takeUnitAttention(nexus)) {
    taken.push(attention.asc.toString(16).padStart(4, '0'));
  }
  return taken;
}

/** Nobody of those that are not named has anything waiting. */
export function assertAttentions(unit: LogicalUnit, expected: { a?: string[]; b?: string[]; c?: string[]; aElsewhere?: string[] }): void {
  const found = { a: attentionsOf(unit, a), b: attentionsOf(unit, b), c: attentionsOf(unit, c), aElsewhere: attentionsOf(unit, aElsewhere) };
  assert.equal(found, { a: [], b: [], c: [], aElsewhere: [], ...expected });
}

/** Whether the reservation lets the command through; what else may be wrong with it does not count. */
export function isAdmitted(unit: LogicalUnit, cdb: string, nexus: ITNexus): boolean {
  const command = makeCommand(cdb);
  if (prepare(command, unit, nexus) === null) noteEnd(unit, command);
  return command.status !== ScsiStatus.reservationConflict;
}
