import type { CommandSlot } from '../../../shm/command-slot.js';
import { ALL_BITS, CONTROL_UNUSED, returnData } from '../../cdb.js';
import type { UnitCommandRow } from '../../command-table.js';
import type { LogicalUnit } from '../../logical-unit.js';
import { invalidFieldInCdb } from '../../sense.js';
import { LogCounters } from './log-counters.js';
import { encodeCount, isCount, type LogPage, type LogParameter } from './log-page.js';

/*
 * LOG SENSE, SPC-4 "LOG SENSE command".
 *
 *     0| 0x4d | . PPC SP | PC . Page Code | Subpage Code | Reserved |
 *     5| Parameter Pointer (2)            | Allocation Length (2)   | Control |
 */
const SP_BIT = 0x01;
const PAGE_AT = 2;
export const LOG_PAGE_CODE_MASK = 0x3f;
const PAGE_CODE_BIT = 5;
const SUBPAGE_AT = 3;
const PARAMETER_POINTER_AT = 5;
const ALLOCATION_LENGTH_AT = 7;
export const LogPageControl = { threshold: 0b00, cumulative: 0b01, defaultThreshold: 0b10, defaultCumulative: 0b11 } as const;

const SUPPORTED_PAGES = 0x00;
const ALL_SUBPAGES = 0xff;
export const LOG_PAGE_HEADER_LENGTH = 4;
const PARAMETER_HEADER_LENGTH = 4;
/** DS: nothing of the page is saved. */
const DISABLE_SAVE_BIT = 0x80;
const SUBPAGE_FORMAT_BIT = 0x40;

/** The LOG SENSE row of a device type with these pages, in ascending order and without the lists of pages, which are generated. */
export function logSenseRow(pages: readonly LogPage[]): UnitCommandRow {
  return {
    runsOn: 'main',
    reservation: 'always',
    accessState: 'standby',
    opcode: 0x4d,
    name: 'LOG SENSE',
    clause: 'SPC-4 "LOG SENSE command"',
    cdbLength: 10,
    cdbUsage: [0x4d, SP_BIT, ALL_BITS, ALL_BITS, 0x00, ALL_BITS, ALL_BITS, ALL_BITS, ALL_BITS, CONTROL_UNUSED],
    passesNotReady: true,
    execute(command, unit) {
      // Nothing is saved, so that it cannot be asked for. SPC-4, SP bit.
      if (((command.cdb[1] as number) & SP_BIT) !== 0) return invalidFieldInCdb(command, 1, 0);
      const body = bodyOf(command, unit, pagesOf(unit, pages));
      if (body === null) return;
      const code = (command.cdb[PAGE_AT] as number) & LOG_PAGE_CODE_MASK;
      const subpage = command.cdb[SUBPAGE_AT] as number;
      const data = new Uint8Array(LOG_PAGE_HEADER_LENGTH + body.length);
      data[0] = DISABLE_SAVE_BIT | (subpage === 0 ? 0 : SUBPAGE_FORMAT_BIT) | code;
      data[1] = subpage;
      new DataView(data.buffer).setUint16(2, body.length);
      data.set(body, LOG_PAGE_HEADER_LENGTH);
      returnData(command, data, command.cdbView.getUint16(ALLOCATION_LENGTH_AT));
    },
  };
}

/** Those of the pages that this unit has. */
export function pagesOf(unit: LogicalUnit, pages: readonly LogPage[]): readonly LogPage[] {
  return pages.filter((page) => page.isOf?.(unit) ?? true);
}

/** What stands behind the header of the page, or null when the command has ended. */
function bodyOf(command: CommandSlot, unit: LogicalUnit, pages: readonly LogPage[]): Uint8Array | null {
  const code = (command.cdb[PAGE_AT] as number) & LOG_PAGE_CODE_MASK;
  const subpage = command.cdb[SUBPAGE_AT] as number;
  const pointer = command.cdbView.getUint16(PARAMETER_POINTER_AT);
  if (code === SUPPORTED_PAGES && (subpage === 0 || subpage === ALL_SUBPAGES)) {
    if (pointer === 0) return subpage === 0 ? supportedPages(pages) : supportedSubpages(pages);
    invalidFieldInCdb(command, PARAMETER_POINTER_AT);
    return null;
  }
  const page = pages.find((each) => each.code === code && each.subpage === subpage);
  if (page === undefined) {
    if (pages.some((each) => each.code === code)) invalidFieldInCdb(command, SUBPAGE_AT);
    else invalidFieldInCdb(command, PAGE_AT, PAGE_CODE_BIT);
    return null;
  }
  const parameters = page.parameters(unit).filter((parameter) => parameter.code >= pointer);
  if (parameters.length === 0 && pointer > 0) {
    invalidFieldInCdb(command, PARAMETER_POINTER_AT);
    return null;
  }
  const pageControl = (command.cdb[PAGE_AT] as number) >> 6;
  return Buffer.concat(parameters.map((parameter) => encodeParameter(unit, page, parameter, pageControl)));
}

function supportedPages(pages: readonly LogPage[]): Uint8Array {
  return Uint8Array.from(new Set([SUPPORTED_PAGES, ...pages.map(({ code }) => code)]));
}

function supportedSubpages(pages: readonly LogPage[]): Uint8Array {
  return Uint8Array.from([SUPPORTED_PAGES, 0, SUPPORTED_PAGES, ALL_SUBPAGES, ...pages.flatMap(({ code, subpage }) => [code, subpage])]);
}

function encodeParameter(unit: LogicalUnit, page: LogPage, parameter: LogParameter, pageControl: number): Uint8Array {
  const value = encodeValue(unit, page, parameter, pageControl);
  const bytes = new Uint8Array(PARAMETER_HEADER_LENGTH + value.length);
  bytes[0] = parameter.code >> 8;
  bytes[1] = parameter.code & 0xff;
  bytes[2] = parameter.format;
  bytes[3] = value.length;
  bytes.set(value, PARAMETER_HEADER_LENGTH);
  return bytes;
}

/** Lists have one value whatever is asked of them. SPC-4 "LOG SENSE command", PC field. */
function encodeValue(unit: LogicalUnit, page: LogPage, { code, value }: LogParameter, pageControl: number): Uint8Array {
  if (!isCount(value)) return value;
  const counters = unit.part(LogCounters);
  switch (pageControl) {
    case LogPageControl.cumulative:
      return encodeCount(counters.read(page, code, value.count), value.widthBytes);
    case LogPageControl.defaultCumulative:
      return new Uint8Array(value.widthBytes);
    case LogPageControl.threshold: {
      const threshold = counters.threshold(page, code);
      if (threshold !== null) return encodeCount(threshold, value.widthBytes);
      break;
    }
  }
  return new Uint8Array(value.widthBytes).fill(ALL_BITS);
}
