import { assert } from '../../errors.js';
import type { CommandSlot } from '../../shm/command-slot.js';
import { ALL_BITS, CONTROL_UNUSED, returnData } from '../cdb.js';
import type { UnitCommandRow } from '../command-table.js';
import type { LogicalUnit } from '../logical-unit.js';
import { Asc, checkCondition, invalidFieldInCdb, SenseKey } from '../sense.js';
import { encodeModePage, type ModeProfile } from './mode-page.js';
import { ModePages, PageControl } from './mode-page-values.js';

/*
 * MODE SENSE, SPC-4 "MODE SENSE(6) command" and "MODE SENSE(10) command".
 *
 *     0| 0x1a | .  . DBD .      | PC . Page Code | Subpage Code | Allocation Length | Control |
 *     0| 0x5a | . LLBAA DBD .   | PC . Page Code | Subpage Code | Reserved (3)
 *                                                               7| Allocation Length | Control |
 */
const LLBAA_BIT = 0x10;
const DBD_BIT = 0x08;
const PAGE_AT = 2;
const PAGE_CONTROL_SHIFT = 6;
const PAGE_CODE_MASK = 0x3f;
const PAGE_CODE_BIT = 5;
const SUBPAGE_AT = 3;
const ALL_PAGES = 0x3f;
const ALL_SUBPAGES = 0xff;

const LONGLBA_BIT = 0x01;
/** Device types without logical block addresses have no long block descriptors. */
const LONG_DESCRIPTOR_LENGTH = 16;
const HEADER_6_LENGTH = 4;
const HEADER_10_LENGTH = 8;

const common = { runsOn: 'main', reservation: 'read', accessState: 'standby', passesNotReady: true } as const;

/** The MODE SENSE rows of a device type that has `modes`. */
export const modeSenseRows: readonly UnitCommandRow[] = [
  {
    ...common,
    opcode: 0x1a,
    name: 'MODE SENSE (6)',
    clause: 'SPC-4 "MODE SENSE(6) command"',
    cdbLength: 6,
    cdbUsage: [0x1a, DBD_BIT, ALL_BITS, ALL_BITS, ALL_BITS, CONTROL_UNUSED],
    execute(command, unit) {
      const pages = selectPages(command, unit);
      if (pages === null) return;
      const { profile } = unit.part(ModePages);
      const parts = [header6(profile, unit), blockDescriptor(command, unit, false), ...pages];
      const data = Buffer.concat(parts);
      assert(data.length - 1 <= ALL_BITS, 'the mode pages of a device type fit the one-byte MODE DATA LENGTH');
      data[0] = data.length - 1;
      data[3] = (parts[1] as Uint8Array).length;
      returnData(command, data, command.cdb[4] as number);
    },
  },
  {
    ...common,
    opcode: 0x5a,
    name: 'MODE SENSE (10)',
    clause: 'SPC-4 "MODE SENSE(10) command"',
    cdbLength: 10,
    cdbUsage: [0x5a, LLBAA_BIT | DBD_BIT, ALL_BITS, ALL_BITS, 0x00, 0x00, 0x00, ALL_BITS, ALL_BITS, CONTROL_UNUSED],
    execute(command, unit) {
      const pages = selectPages(command, unit);
      if (pages === null) return;
      const { profile } = unit.part(ModePages);
      const longLba = ((command.cdb[1] as number) & LLBAA_BIT) !== 0;
      const block = blockDescriptor(command, unit, longLba);
      const data = Buffer.concat([header10(profile, unit, block.length === LONG_DESCRIPTOR_LENGTH), block, ...pages]);
      data.writeUInt16BE(data.length - 2, 0);
      data.writeUInt16BE(block.length, 6);
      returnData(command, data, command.cdbView.getUint16(7));
    },
  },
];

function header6(profile: ModeProfile, unit: LogicalUnit): Uint8Array {
  const header = new Uint8Array(HEADER_6_LENGTH);
  header[1] = profile.mediumType?.(unit) ?? 0;
  header[2] = profile.deviceSpecificParameter(unit);
  return header;
}

function header10(profile: ModeProfile, unit: LogicalUnit, longLba: boolean): Uint8Array {
  const header = new Uint8Array(HEADER_10_LENGTH);
  header[2] = profile.mediumType?.(unit) ?? 0;
  header[3] = profile.deviceSpecificParameter(unit);
  header[4] = longLba ? LONGLBA_BIT : 0;
  return header;
}

const noBytes = new Uint8Array(0);

function blockDescriptor(command: CommandSlot, unit: LogicalUnit, longLba: boolean): Uint8Array {
  return ((command.cdb[1] as number) & DBD_BIT) !== 0 ? noBytes : unit.part(ModePages).profile.blockDescriptor(unit, longLba);
}

/** The pages that the CDB asks for, or null when the command has ended. SPC-4 "MODE SENSE(6) command", page code table. */
function selectPages(command: CommandSlot, unit: LogicalUnit): Uint8Array[] | null {
  const modes = unit.part(ModePages);
  const control = ((command.cdb[PAGE_AT] as number) >> PAGE_CONTROL_SHIFT) as PageControl;
  const code = (command.cdb[PAGE_AT] as number) & PAGE_CODE_MASK;
  const subpage = command.cdb[SUBPAGE_AT] as number;
  if (control === PageControl.saved && !modes.isKept) {
    checkCondition(command, SenseKey.illegalRequest, Asc.savingParametersNotSupported);
    return null;
  }
  const { pages, profile } = modes;
  if (code === 0 && subpage === 0 && profile.hasPageZero === true) return [];
  const ofCode = code === ALL_PAGES ? pages : pages.filter((page) => page.code === code);
  const selected = subpage === ALL_SUBPAGES ? ofCode : ofCode.filter((page) => page.subpage === subpage);
  if (selected.length === 0) {
    if (ofCode.length === 0) invalidFieldInCdb(command, PAGE_AT, PAGE_CODE_BIT);
    else invalidFieldInCdb(command, SUBPAGE_AT);
    return null;
  }
  // With all pages, a subpage code other than 00h and FFh is reserved even if some page has it.
  if (code === ALL_PAGES && subpage !== 0 && subpage !== ALL_SUBPAGES) {
    invalidFieldInCdb(command, SUBPAGE_AT);
    return null;
  }
  return selected.map((page) => encodeModePage(page, modes.read(page, control), modes.isSaveable(page)));
}
