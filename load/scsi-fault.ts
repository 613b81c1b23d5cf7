import { SenseKey } from '../engine/scsi/sense-codes.js';
import { ScsiStatus } from '../engine/scsi/status.js';
import { parseSense } from '../initiator/sense-data.js';
import { loadLimits } from './limits.js';

/** How a command ended that did not end well. */
export interface ScsiFault {
  /** A `ScsiStatus` value. */
  readonly status: number;
  /** A `SenseKey` value; null, as the two others, when the status came without sense data. */
  readonly senseKey: number | null;
  readonly asc: number | null;
  readonly ascq: number | null;
}

/** A fault and how often it occurred. */
export interface CountedFault extends ScsiFault {
  count: number;
  readonly text: string;
}

export function scsiFaultOf(status: number, senseData: Buffer): ScsiFault {
  const sense = parseSense(senseData);
  return { status, senseKey: sense?.key ?? null, asc: sense?.asc ?? null, ascq: sense?.ascq ?? null };
}

/** `CHECK CONDITION, NOT READY, ASC 0x04 ASCQ 0x02`. */
export function describeScsiFault({ status, senseKey, asc, ascq }: ScsiFault): string {
  if (status === ScsiStatus.good) return 'GOOD, but without all of their bytes';
  const parts = [nameOf(ScsiStatus, status) ?? `SCSI status ${hexByte(status)}`];
  if (senseKey !== null) parts.push(nameOf(SenseKey, senseKey) ?? `sense key ${hexByte(senseKey)}`);
  if (asc !== null && ascq !== null) parts.push(`ASC ${hexByte(asc)} ASCQ ${hexByte(ascq)}`);
  return parts.join(', ');
}

/** `taskSetFull` as the standards print it: TASK SET FULL. */
function nameOf(codes: Readonly<Record<string, number>>, code: number): string | null {
  const name = Object.keys(codes).find((key) => codes[key] === code);
  return name === undefined ? null : name.replace(/[A-Z]/g, ' $&').toUpperCase();
}

export function hexByte(value: number): string {
  return `0x${value.toString(16).padStart(2, '0')}`;
}

/** Faults by kind, in the order in which they were first seen. */
export class FaultCounter {
  readonly #byText = new Map<string, CountedFault>();
  count = 0;

  add(fault: ScsiFault): void {
    this.count++;
    const text = describeScsiFault(fault);
    const known = this.#byText.get(text);
    if (known !== undefined) known.count++;
    else if (this.#byText.size < loadLimits.faultKindCountMax) this.#byText.set(text, { ...fault, count: 1, text });
  }

  get kinds(): readonly CountedFault[] {
    return [...this.#byText.values()];
  }
}
