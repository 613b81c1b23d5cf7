import {
  PersistentReserveInAction,
  PersistentReserveOutAction,
  persistentReserveInCdb,
  persistentReserveOutCdb,
  type RegisterAndMoveFields,
  type ReservationType,
  type ReserveOutFields,
  registerAndMoveParameterList,
  reserveOutParameterList,
} from './persistent-reservation-cdbs.js';
import { type CommandRunner, runForData } from './run-command.js';
import { type IscsiTransportId, parseIscsiTransportId } from './transport-id.js';

/** Answer of READ KEYS. */
export interface RegisteredKeys {
  /** Counts what changed registrations; wraps. */
  readonly generation: number;
  /** In no order that means anything; a key that several nexuses registered is there as often. */
  readonly keys: readonly bigint[];
}

/** Who holds the reservation. */
export interface HeldReservation {
  readonly key: bigint;
  readonly scope: number;
  /** A `ReservationType` value. */
  readonly type: number;
}

export interface ReservationStatus {
  readonly generation: number;
  /** Null when nobody holds one. */
  readonly reservation: HeldReservation | null;
}

export interface ReservationCapabilities {
  readonly replaceLostReservationCapable: boolean;
  /** CRH: RESERVE and RELEASE of SPC-2 go together with registrations. */
  readonly compatibleReservationHandling: boolean;
  readonly specifyInitiatorPortsCapable: boolean;
  readonly allTargetPortsCapable: boolean;
  readonly persistThroughPowerLossCapable: boolean;
  readonly persistThroughPowerLossActivated: boolean;
  readonly allowedCommands: number;
  /** `ReservationType` values; null when the device does not tell. */
  readonly types: readonly number[] | null;
}

/** One registered I_T nexus. */
export interface RegistrationStatus {
  readonly key: bigint;
  readonly isHolder: boolean;
  readonly allTargetPorts: boolean;
  /** Of the holder's reservation; 0 for others. */
  readonly scope: number;
  readonly type: number;
  readonly relativeTargetPortIdentifier: number;
  /** Null for other protocols than iSCSI. */
  readonly initiatorPort: IscsiTransportId | null;
  readonly transportId: Buffer;
}

/** What is asked for beside the keys when one registers. */
export type RegisterOptions = Pick<ReserveOutFields, 'persistThroughPowerLoss' | 'allTargetPorts' | 'initiatorPorts'>;

const ALLOCATION_LENGTH_MAX = 0xffff;
const LIST_HEADER_LENGTH = 8;
const KEY_LENGTH = 8;
const RESERVATION_LENGTH = 16;
const CAPABILITIES_LENGTH = 8;
const FULL_STATUS_HEADER_LENGTH = 24;
/** Bit of each type in the two bytes of PERSISTENT RESERVATION TYPE MASK, SPC-4 "REPORT CAPABILITIES service action". */
const typeMaskBits: readonly (readonly [bit: number, type: number])[] = [
  [9, 1],
  [11, 3],
  [13, 5],
  [14, 6],
  [15, 7],
  [0, 8],
];

/** Persistent reservations of one logical unit, SPC-4 §5.13 "Reservations". Every method throws as `LogicalUnitClient.run`. */
export class PersistentReservations {
  readonly #runner: CommandRunner;

  constructor(runner: CommandRunner) {
    this.#runner = runner;
  }

  async readKeys(): Promise<RegisteredKeys> {
    const data = await this.#in('READ KEYS', PersistentReserveInAction.readKeys, LIST_HEADER_LENGTH);
    const keys: bigint[] = [];
    const end = Math.min(data.length, LIST_HEADER_LENGTH + data.readUInt32BE(4));
    for (let at = LIST_HEADER_LENGTH; at + KEY_LENGTH <= end; at += KEY_LENGTH) keys.push(data.readBigUInt64BE(at));
    return { generation: data.readUInt32BE(0), keys };
  }

  async readReservation(): Promise<ReservationStatus> {
    const data = await this.#in('READ RESERVATION', PersistentReserveInAction.readReservation, LIST_HEADER_LENGTH);
    const generation = data.readUInt32BE(0);
    const lengthBytes = Math.min(data.length - LIST_HEADER_LENGTH, data.readUInt32BE(4));
    if (lengthBytes < RESERVATION_LENGTH) return { generation, reservation: null };
    const scopeAndType = data.readUInt8(21);
    return { generation, reservation: { key: data.readBigUInt64BE(8), scope: scopeAndType >> 4, type: scopeAndType & 0x0f } };
  }

  async reportCapabilities(): Promise<ReservationCapabilities> {
    const data = await this.#in('REPORT CAPABILITIES', PersistentReserveInAction.reportCapabilities, CAPABILITIES_LENGTH);
    const [first, second] = [data.readUInt8(2), data.readUInt8(3)];
    const mask = data.readUInt16BE(4);
    return {
      replaceLostReservationCapable: (first & 0x80) !== 0,
      compatibleReservationHandling: (first & 0x10) !== 0,
      specifyInitiatorPortsCapable: (first & 0x08) !== 0,
      allTargetPortsCapable: (first & 0x04) !== 0,
      persistThroughPowerLossCapable: (first & 0x01) !== 0,
      persistThroughPowerLossActivated: (second & 0x01) !== 0,
      allowedCommands: (second >> 4) & 0x07,
      types: (second & 0x80) === 0 ? null : typeMaskBits.filter(([bit]) => (mask & (1 << bit)) !== 0).map(([, type]) => type),
    };
  }

  async readFullStatus(): Promise<{ readonly generation: number; readonly registrations: readonly RegistrationStatus[] }> {
    const data = await this.#in('READ FULL STATUS', PersistentReserveInAction.readFullStatus, LIST_HEADER_LENGTH);
    const registrations: RegistrationStatus[] = [];
    const end = Math.min(data.length, LIST_HEADER_LENGTH + data.readUInt32BE(4));
    for (let at = LIST_HEADER_LENGTH; at + FULL_STATUS_HEADER_LENGTH <= end; ) {
      const next = at + FULL_STATUS_HEADER_LENGTH + data.readUInt32BE(at + 20);
      if (next > end) break;
      registrations.push(parseRegistration(data.subarray(at, next)));
      at = next;
    }
    return { generation: data.readUInt32BE(0), registrations };
  }

  /** Registers `newKey`; 0 unregisters. `currentKey` is 0 for a nexus that is not registered. */
  async register(newKey: bigint, currentKey = 0n, options: RegisterOptions = {}): Promise<void> {
    await this.#out('REGISTER', PersistentReserveOutAction.register, 0, { key: currentKey, serviceActionKey: newKey, ...options });
  }

  async registerAndIgnoreExistingKey(newKey: bigint, options: Omit<RegisterOptions, 'initiatorPorts'> = {}): Promise<void> {
    const fields = { key: 0n, serviceActionKey: newKey, ...options };
    await this.#out('REGISTER AND IGNORE EXISTING KEY', PersistentReserveOutAction.registerAndIgnoreExistingKey, 0, fields);
  }

  async reserve(key: bigint, type: ReservationType): Promise<void> {
    await this.#out('RESERVE', PersistentReserveOutAction.reserve, type, { key, serviceActionKey: 0n });
  }

  async release(key: bigint, type: ReservationType): Promise<void> {
    await this.#out('RELEASE', PersistentReserveOutAction.release, type, { key, serviceActionKey: 0n });
  }

  /** Takes every registration and the reservation away. */
  async clear(key: bigint): Promise<void> {
    await this.#out('CLEAR', PersistentReserveOutAction.clear, 0, { key, serviceActionKey: 0n });
  }

  /** Takes the registrations with `preemptedKey` away, and their reservation over. */
  async preempt(key: bigint, preemptedKey: bigint, type: ReservationType): Promise<void> {
    await this.#out('PREEMPT', PersistentReserveOutAction.preempt, type, { key, serviceActionKey: preemptedKey });
  }

  /** As `preempt`, and aborts the commands of who is preempted. */
  async preemptAndAbort(key: bigint, preemptedKey: bigint, type: ReservationType): Promise<void> {
    await this.#out('PREEMPT AND ABORT', PersistentReserveOutAction.preemptAndAbort, type, { key, serviceActionKey: preemptedKey });
  }

  /** Registers another initiator port and hands it the reservation. */
  async registerAndMove(fields: RegisterAndMoveFields): Promise<void> {
    await this.#send('REGISTER AND MOVE', PersistentReserveOutAction.registerAndMove, 0, registerAndMoveParameterList(fields));
  }

  async replaceLostReservation(newKey: bigint, type: ReservationType): Promise<void> {
    await this.#out('REPLACE LOST RESERVATION', PersistentReserveOutAction.replaceLostReservation, type, { key: 0n, serviceActionKey: newKey });
  }

  #in(action: string, code: number, lengthMin: number): Promise<Buffer> {
    const cdb = persistentReserveInCdb(code, ALLOCATION_LENGTH_MAX);
    return runForData(this.#runner, `PERSISTENT RESERVE IN (${action})`, cdb, ALLOCATION_LENGTH_MAX, lengthMin);
  }

  #out(action: string, code: number, type: number, fields: ReserveOutFields): Promise<void> {
    return this.#send(action, code, type, reserveOutParameterList(fields));
  }

  async #send(action: string, code: number, type: number, dataOut: Buffer): Promise<void> {
    await this.#runner.run(`PERSISTENT RESERVE OUT (${action})`, { cdb: persistentReserveOutCdb(code, type, dataOut.length), dataOut });
  }
}

function parseRegistration(bytes: Buffer): RegistrationStatus {
  const flags = bytes.readUInt8(12);
  const scopeAndType = bytes.readUInt8(13);
  const transportId = bytes.subarray(FULL_STATUS_HEADER_LENGTH);
  const isHolder = (flags & 0x01) !== 0;
  return {
    key: bytes.readBigUInt64BE(0),
    isHolder,
    allTargetPorts: (flags & 0x02) !== 0,
    scope: isHolder ? scopeAndType >> 4 : 0,
    type: isHolder ? scopeAndType & 0x0f : 0,
    relativeTargetPortIdentifier: bytes.readUInt16BE(18),
    initiatorPort: parseIscsiTransportId(transportId),
    transportId,
  };
}
