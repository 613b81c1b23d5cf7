import { writeUint64 } from '../../cdb.js';
import type { LogicalUnit } from '../../logical-unit.js';

/** FORMAT AND LINKING of the parameter control byte, SPC-4 "Log parameter control byte": how a value is to be read. */
export const LogFormat = { counter: 0b10, asciiList: 0b01, binaryList: 0b11 } as const;
export type LogFormat = (typeof LogFormat)[keyof typeof LogFormat];

/** A log parameter without its header: `value` is what it holds now, or a counter as it would be had nobody reset it. */
export interface LogParameter {
  readonly code: number;
  readonly format: LogFormat;
  readonly value: Uint8Array | LogCount;
}

/** A counter of so many bytes. LOG SELECT may reset it and set it. */
export interface LogCount {
  readonly count: number;
  readonly widthBytes: 4 | 8;
}

/** A log page, SPC-4 §7.3. */
export interface LogPage {
  readonly code: number;
  /** 00h: the page has no subpages. */
  readonly subpage: number;
  /** Whether the unit has the page; every unit of the type has it when left out. */
  readonly isOf?: (unit: LogicalUnit) => boolean;
  /** By ascending code, and always the same codes. */
  readonly parameters: (unit: LogicalUnit) => readonly LogParameter[];
}

export function counter(code: number, count: number, widthBytes: 4 | 8 = 4): LogParameter {
  return { code, format: LogFormat.counter, value: { count, widthBytes } };
}

export function list(code: number, value: Uint8Array, format: LogFormat = LogFormat.binaryList): LogParameter {
  return { code, format, value };
}

export function isCount(value: LogParameter['value']): value is LogCount {
  return !(value instanceof Uint8Array);
}

/** A count in its width; what is larger stays at the largest value, as bounded counters do. */
export function encodeCount(count: number, widthBytes: number): Uint8Array {
  const bytes = new Uint8Array(widthBytes);
  const view = new DataView(bytes.buffer);
  if (widthBytes === 8) writeUint64(view, 0, count);
  else view.setUint32(0, Math.min(count, 0xffffffff));
  return bytes;
}
