import type { ITNexus } from '../../../scsi/it-nexus.js';
import type { LogicalUnit, UnitPart } from '../../../scsi/logical-unit.js';
import { Asc } from '../../../scsi/sense.js';

/** TapeAlert flags that this drive raises, SSC-4 "TapeAlert". */
export const AlertFlag = {
  media: 0x04,
  readFailure: 0x05,
  writeFailure: 0x06,
  writeProtect: 0x09,
  noRemoval: 0x0a,
  unsupportedFormat: 0x12,
  loadingFailure: 0x37,
  unrecoverableUnload: 0x38,
  wormOverwriteAttempted: 0x3c,
} as const;
export type AlertFlag = (typeof AlertFlag)[keyof typeof AlertFlag];

export const ALERT_FLAG_COUNT = 64;
export const supportedAlertFlags: readonly number[] = Object.values(AlertFlag);

/** Flags that are about the cartridge and go with it. */
const mediumFlags: readonly number[] = [
  AlertFlag.media,
  AlertFlag.readFailure,
  AlertFlag.writeFailure,
  AlertFlag.writeProtect,
  AlertFlag.noRemoval,
  AlertFlag.unsupportedFormat,
  AlertFlag.wormOverwriteAttempted,
];

/** What the Informational Exceptions Control mode page says of them. */
export interface AlertReporting {
  /** MRIE with DEXCPT zero: nexuses get a unit attention when a flag is raised. */
  readonly establishesAttention: boolean;
}

/**
 * TapeAlert flags of a drive. A flag that is raised stays so for each I_T nexus until that has read the TapeAlert log page, and for all until a cartridge is
 * loaded when it is about the one before. SSC-4 "TapeAlert", TapeAlert log page.
 */
export class TapeAlerts implements UnitPart {
  readonly #unit: LogicalUnit;
  /** Raised flags, and who has read each since. */
  readonly #raised = new Map<number, Set<number>>();
  #reporting: AlertReporting = { establishesAttention: false };
  /** By the mode page's test, and not by an event. */
  #areTests = false;
  #tested: number | null = null;

  constructor(unit: LogicalUnit) {
    this.#unit = unit;
  }

  report(reporting: AlertReporting): void {
    this.#reporting = reporting;
  }

  raise(flag: number): void {
    this.#raised.set(flag, new Set());
    if (!this.#reporting.establishesAttention) return;
    this.#unit.tellNexuses(this.#areTests ? Asc.failurePredictionExceededFalse : Asc.failurePredictionExceeded);
  }

  clear(flag: number): void {
    this.#raised.delete(flag);
  }

  /** TEST FLAG NUMBER of the mode page, or null while it tests nothing: sets or clears one flag, or all, once for each change of the page. */
  test(number: number | null): void {
    const isNew = number !== this.#tested;
    this.#tested = number;
    if (number === null || !isNew) return;
    const all = Array.from({ length: ALERT_FLAG_COUNT }, (_, index) => index + 1);
    this.#areTests = true;
    if (number > ALERT_FLAG_COUNT) for (const flag of all) this.raise(flag);
    else if (number > 0) this.raise(number);
    else if (number < 0) this.clear(-number);
    this.#areTests = false;
  }

  /** Who is asking: set for the time of a LOG SENSE. */
  reader: ITNexus | null = null;

  isRaisedFor(flag: number, nexus: ITNexus | null): boolean {
    const readers = this.#raised.get(flag);
    return readers !== undefined && (nexus === null || !readers.has(nexus.id));
  }

  /** LOG SENSE has shown the nexus all flags. */
  markRead(nexus: ITNexus): void {
    for (const readers of this.#raised.values()) readers.add(nexus.id);
  }

  /** Another cartridge is loaded: what was wrong with the one before is over. */
  onLoad(): void {
    for (const flag of mediumFlags) this.#raised.delete(flag);
  }

  onReset(): void {
    this.#raised.clear();
  }

  onNexusLost(nexus: ITNexus): void {
    for (const readers of this.#raised.values()) readers.delete(nexus.id);
  }
}
