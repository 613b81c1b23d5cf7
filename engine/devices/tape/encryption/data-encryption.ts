import type { ITNexus } from '../../../scsi/it-nexus.js';
import type { LogicalUnit, ResetCause, UnitPart } from '../../../scsi/logical-unit.js';
import { Asc } from '../../../scsi/sense.js';
import { PersistentReservations } from '../../../scsi/spc/reservations/persistent-reservations.js';
import { type EncryptionParameters, EncryptionScope, noEncryption, type SetDataEncryption } from './set-data-encryption.js';

/** A set of data encryption parameters, and how many times it has been changed. */
export interface EncryptionSet {
  readonly parameters: EncryptionParameters;
  /** KEY INSTANCE COUNTER. */
  readonly keyInstanceCounter: number;
}

interface OwnedSet extends EncryptionSet {
  readonly owner: ITNexus;
  /** The owner had a reservation, or was registered, when it set a key that goes with that. */
  readonly hadReservation: boolean;
}

const COUNTER_MODULUS = 0x1_0000_0000;

/** Data encryption parameters of a drive, SSC-4 "Data encryption parameters": one set for all I_T nexuses and those that nexuses have for themselves. */
export class DataEncryption implements UnitPart {
  readonly #unit: LogicalUnit;
  #counter = 0;
  #shared: OwnedSet | null = null;
  readonly #local = new Map<number, OwnedSet>();

  constructor(unit: LogicalUnit) {
    this.#unit = unit;
  }

  /** The scope that the nexus has asked for: public where it has not asked. */
  scopeOf(nexus: ITNexus): EncryptionScope {
    this.#dropWithReservations();
    if (this.#local.has(nexus.id)) return EncryptionScope.local;
    return this.#shared?.owner.id === nexus.id ? EncryptionScope.all : EncryptionScope.public;
  }

  /** LOGICAL UNIT ENCRYPTION SCOPE: whose parameters hold for the nexus; public when nobody has set any. */
  keyScopeOf(nexus: ITNexus): EncryptionScope {
    this.#dropWithReservations();
    if (this.#local.has(nexus.id)) return EncryptionScope.local;
    return this.#shared === null ? EncryptionScope.public : EncryptionScope.all;
  }

  /** What holds for the nexus. */
  setOf(nexus: ITNexus): EncryptionSet {
    this.#dropWithReservations();
    return this.#local.get(nexus.id) ?? this.#shared ?? { parameters: noEncryption, keyInstanceCounter: 0 };
  }

  parametersOf(nexus: ITNexus): EncryptionParameters {
    // The way of nearly all commands of nearly all drives.
    if (this.#shared === null && this.#local.size === 0) return noEncryption;
    return this.setOf(nexus).parameters;
  }

  /** A Set Data Encryption page of the nexus. Others whose parameters change by it are told. SSC-4 "Set Data Encryption page", SCOPE. */
  set(nexus: ITNexus, { scope, parameters }: SetDataEncryption): void {
    const wasShared = this.#shared;
    this.#local.delete(nexus.id);
    if (wasShared?.owner.id === nexus.id) this.#shared = null;
    if (scope !== EncryptionScope.public) {
      this.#counter = (this.#counter + 1) % COUNTER_MODULUS;
      const made = { parameters, keyInstanceCounter: this.#counter, owner: nexus, hadReservation: this.isReservedFor(nexus) };
      if (scope === EncryptionScope.local) this.#local.set(nexus.id, made);
      else this.#shared = made;
    }
    if (this.#shared !== wasShared) this.#tellPublic(nexus);
  }

  /** CKOD: the volume leaves the drive. */
  onDemount(): void {
    this.#drop(({ parameters }) => parameters.clearsOnDemount);
  }

  onNexusLost(nexus: ITNexus): void {
    this.#local.delete(nexus.id);
  }

  /** Keys do not outlive what would take the power away from a drive. */
  onReset(_cause: ResetCause): void {
    this.#shared = null;
    this.#local.clear();
  }

  onRemoved(): void {
    this.onReset('power-on');
  }

  /** Whether a persistent reservation is there that the nexus is registered for, so that a key of its can go with that. */
  isReservedFor(nexus: ITNexus): boolean {
    return this.#unit.part(PersistentReservations).isPrivileged(nexus);
  }

  #dropWithReservations(): void {
    this.#drop(
      ({ parameters, owner, hadReservation }) =>
        (parameters.clearsOnPreempt || parameters.clearsOnReservationLoss) && hadReservation && !this.isReservedFor(owner),
    );
  }

  #drop(isDropped: (set: OwnedSet) => boolean): void {
    for (const [nexusId, set] of this.#local) if (isDropped(set)) this.#local.delete(nexusId);
    if (this.#shared === null || !isDropped(this.#shared)) return;
    this.#shared = null;
    this.#tellPublic();
  }

  #tellPublic(except?: ITNexus): void {
    for (const nexus of this.#unit.host.nexusesOf(this.#unit.lun)) {
      if (nexus.id !== except?.id && !this.#local.has(nexus.id)) this.#unit.establishUnitAttention(nexus.id, Asc.dataEncryptionParametersChanged);
    }
  }
}
