import type { CommandSlot } from '../../../shm/command-slot.js';
import { ALL_BITS, CONTROL_UNUSED, readUint64 } from '../../cdb.js';
import type { UnitCommandRow } from '../../command-table.js';
import type { ITNexus } from '../../it-nexus.js';
import type { LogicalUnit } from '../../logical-unit.js';
import { parameterListOf, planParameterList } from '../../parameter-list.js';
import { Asc, invalidFieldInCdb, invalidFieldInParameterList, parameterListLengthError } from '../../sense.js';
import { LogCounters } from './log-counters.js';
import { isCount, type LogCount, type LogPage } from './log-page.js';
import { LOG_PAGE_CODE_MASK, LOG_PAGE_HEADER_LENGTH, LogPageControl, pagesOf } from './log-sense.js';

/*
 * LOG SELECT, SPC-4 "LOG SELECT command".
 *
 *     0| 0x4c | . PCR SP | PC . Page Code | Subpage Code | Reserved (3)
 *     7| Parameter List Length (2)        | Control                     |
 */
const PCR_BIT = 0x02;
const PCR_BIT_NUMBER = 1;
const SP_BIT = 0x01;
const PAGE_AT = 2;
const PAGE_CODE_BIT = 5;
const PC_BIT = 7;
const SUBPAGE_AT = 3;
const PARAMETER_LIST_LENGTH_AT = 7;
const ALL_SUBPAGES = 0xff;
const SUBPAGE_FORMAT_BIT = 0x40;
const PARAMETER_HEADER_LENGTH = 4;

/** The LOG SELECT row of a device type with these pages. */
export function logSelectRow(pages: readonly LogPage[]): UnitCommandRow {
  return {
    runsOn: 'main',
    reservation: 'write',
    accessState: 'standby',
    opcode: 0x4c,
    name: 'LOG SELECT',
    clause: 'SPC-4 "LOG SELECT command"',
    cdbLength: 10,
    cdbUsage: [0x4c, PCR_BIT | SP_BIT, ALL_BITS, ALL_BITS, 0x00, 0x00, 0x00, ALL_BITS, ALL_BITS, CONTROL_UNUSED],
    passesNotReady: true,
    plan(command) {
      const lengthBytes = command.cdbView.getUint16(PARAMETER_LIST_LENGTH_AT);
      // Log parameters are not saved.
      if (((command.cdb[1] as number) & SP_BIT) !== 0) return invalidFieldInCdb(command, 1, 0);
      if (lengthBytes > 0 && !isListAllowed(command)) return;
      planParameterList(command, lengthBytes, PARAMETER_LIST_LENGTH_AT);
    },
    execute(command, unit, nexus) {
      const ownPages = pagesOf(unit, pages);
      const changes = command.plannedDataOutLength === 0 ? resetsOf(command, unit, ownPages) : changesOf(command, unit, ownPages);
      if (changes === null || changes.length === 0) return;
      // All or nothing: the list has been checked to its end.
      for (const change of changes) change();
      tellOthers(unit, nexus);
    },
  };
}

/** SPC-4: a list says itself which pages it holds, and neither resets nor defaults go with one. */
function isListAllowed(command: CommandSlot): boolean {
  const page = command.cdb[PAGE_AT] as number;
  if (((command.cdb[1] as number) & PCR_BIT) !== 0) invalidFieldInCdb(command, 1, PCR_BIT_NUMBER);
  else if ((page & LOG_PAGE_CODE_MASK) !== 0) invalidFieldInCdb(command, PAGE_AT, PAGE_CODE_BIT);
  else if (page >> 6 > LogPageControl.cumulative) invalidFieldInCdb(command, PAGE_AT, PC_BIT);
  else if (command.cdb[SUBPAGE_AT] !== 0) invalidFieldInCdb(command, SUBPAGE_AT);
  else return true;
  return false;
}

type Change = () => void;

/** Without a list: PCR, or PC with default values, puts counters and thresholds back; nothing else does anything. */
function resetsOf(command: CommandSlot, unit: LogicalUnit, pages: readonly LogPage[]): Change[] | null {
  const code = (command.cdb[PAGE_AT] as number) & LOG_PAGE_CODE_MASK;
  const subpage = command.cdb[SUBPAGE_AT] as number;
  const selected = code === 0 ? pages : pages.filter((page) => page.code === code && (subpage === ALL_SUBPAGES || page.subpage === subpage));
  if (selected.length === 0) {
    invalidFieldInCdb(command, PAGE_AT, PAGE_CODE_BIT);
    return null;
  }
  const reset = ((command.cdb[1] as number) & PCR_BIT) !== 0;
  const pageControl = (command.cdb[PAGE_AT] as number) >> 6;
  const counters = unit.part(LogCounters);
  return selected.flatMap((page) =>
    countsOf(unit, page).flatMap(([parameterCode, { count }]) => {
      if (reset || pageControl === LogPageControl.defaultCumulative) return [() => counters.set(page, parameterCode, count, 0)];
      return pageControl === LogPageControl.defaultThreshold ? [() => counters.setThreshold(page, parameterCode, null)] : [];
    }),
  );
}

function countsOf(unit: LogicalUnit, page: LogPage): [number, LogCount][] {
  return page.parameters(unit).flatMap(({ code, value }) => (isCount(value) ? [[code, value] satisfies [number, LogCount]] : []));
}

/** What the parameter list asks for, or null when it is wrong: then the command has ended. */
function changesOf(command: CommandSlot, unit: LogicalUnit, pages: readonly LogPage[]): Change[] | null {
  const bytes = parameterListOf(command);
  const changes: Change[] = [];
  let previousOrder = -1;
  for (let at = 0; at < bytes.length; ) {
    const page = pageAt(command, bytes, at, pages);
    if (page === null) return null;
    const order = (page.code << 8) | page.subpage;
    if (order <= previousOrder) return refuse(command, at);
    previousOrder = order;
    const end = at + LOG_PAGE_HEADER_LENGTH + (((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number));
    if (end > bytes.length) return truncated(command);
    const ofPage = changesOfPage(command, unit, page, bytes, at + LOG_PAGE_HEADER_LENGTH, end);
    if (ofPage === null) return null;
    changes.push(...ofPage);
    at = end;
  }
  return changes;
}

function pageAt(command: CommandSlot, bytes: Uint8Array, at: number, pages: readonly LogPage[]): LogPage | null {
  if (at + LOG_PAGE_HEADER_LENGTH > bytes.length) return truncated(command);
  const first = bytes[at] as number;
  const subpage = bytes[at + 1] as number;
  // DS is ignored: nothing is saved. SPF says whether there is a subpage code.
  if ((first & SUBPAGE_FORMAT_BIT) === 0 && subpage !== 0) return refuse(command, at + 1);
  return pages.find((page) => page.code === (first & LOG_PAGE_CODE_MASK) && page.subpage === subpage) ?? refuse(command, at);
}

function changesOfPage(command: CommandSlot, unit: LogicalUnit, page: LogPage, bytes: Uint8Array, start: number, end: number): Change[] | null {
  const counts = new Map(countsOf(unit, page));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isThreshold = (command.cdb[PAGE_AT] as number) >> 6 === LogPageControl.threshold;
  const counters = unit.part(LogCounters);
  const changes: Change[] = [];
  let previousCode = -1;
  for (let at = start; at < end; ) {
    if (at + PARAMETER_HEADER_LENGTH > end) return truncated(command);
    const code = view.getUint16(at);
    const present = counts.get(code);
    // Lists are what they are; only counters can be set.
    if (present === undefined || code <= previousCode) return refuse(command, at);
    if (bytes[at + 3] !== present.widthBytes) return refuse(command, at + 3);
    const valueAt = at + PARAMETER_HEADER_LENGTH;
    if (valueAt + present.widthBytes > end) return truncated(command);
    const value = present.widthBytes === 8 ? readUint64(view, valueAt) : view.getUint32(valueAt);
    if (value > Number.MAX_SAFE_INTEGER) return refuse(command, valueAt);
    if (isThreshold) changes.push(() => counters.setThreshold(page, code, value));
    else changes.push(() => counters.set(page, code, present.count, value));
    previousCode = code;
    at = valueAt + present.widthBytes;
  }
  return changes;
}

function refuse(command: CommandSlot, at: number): null {
  invalidFieldInParameterList(command, at);
  return null;
}

function truncated(command: CommandSlot): null {
  parameterListLengthError(command);
  return null;
}

/** Log parameters are shared by all nexuses. SPC-4 "LOG SELECT command": the others are told. */
function tellOthers(unit: LogicalUnit, nexus: ITNexus): void {
  unit.tellNexuses(Asc.logParametersChanged, nexus);
}
