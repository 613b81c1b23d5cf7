/** What the reports of SPC-4 and SBC-3 hold, and how they are read. None of the parsers throws, whatever follows the header. */

/** One command that a device server knows. */
export interface SupportedCommand {
  readonly operationCode: number;
  /** Null for commands without service actions. */
  readonly serviceAction: number | null;
  readonly cdbLength: number;
}

/** What a device server says of one command. */
export interface CommandSupport {
  /** `unknown` when it cannot tell now. */
  readonly support: 'unknown' | 'not supported' | 'as the standard' | 'vendor specific';
  readonly cdbLength: number;
  /** A mask of the bits that count, CDB USAGE DATA. */
  readonly cdbUsage: Buffer;
}

export interface TargetPortGroup {
  readonly preferred: boolean;
  /** ASYMMETRIC ACCESS STATE: 0 active/optimized, 1 active/non-optimized, 2 standby, 3 unavailable, 14 offline, 15 transitioning. */
  readonly asymmetricAccessState: number;
  readonly supportedStates: number;
  readonly targetPortGroup: number;
  readonly statusCode: number;
  readonly relativeTargetPortIdentifiers: readonly number[];
}

/** Task management functions that a device carries out. */
export interface SupportedTaskManagement {
  readonly abortTask: boolean;
  readonly abortTaskSet: boolean;
  readonly clearAca: boolean;
  readonly clearTaskSet: boolean;
  readonly logicalUnitReset: boolean;
  readonly queryTask: boolean;
  readonly queryAsynchronousEvent: boolean;
  readonly queryTaskSet: boolean;
  readonly itNexusReset: boolean;
}

export interface LogParameter {
  readonly code: number;
  readonly control: number;
  readonly value: Buffer;
}

export interface LogPage {
  readonly pageCode: number;
  readonly subpageCode: number;
  readonly parameters: readonly LogParameter[];
  /** What follows the header: lists of pages are no parameters. */
  readonly body: Buffer;
}

export interface ModePage {
  readonly pageCode: number;
  readonly subpageCode: number;
  /** PS: the device can keep it across a loss of power. */
  readonly savable: boolean;
  /** What follows the page's header. */
  readonly body: Buffer;
}

export interface LbaStatus {
  readonly lba: bigint;
  readonly lbaCount: number;
  /** 0 mapped or unknown, 1 deallocated, 2 anchored. */
  readonly provisioningStatus: number;
}

const LIST_HEADER_LENGTH = 4;
const COMMAND_DESCRIPTOR_LENGTH = 8;
const TIMEOUTS_LENGTH = 12;

/** SPC-4 "All_commands parameter data format". */
export function parseSupportedCommands(data: Buffer): SupportedCommand[] {
  const commands: SupportedCommand[] = [];
  const end = Math.min(data.length, LIST_HEADER_LENGTH + data.readUInt32BE(0));
  for (let at = LIST_HEADER_LENGTH; at + COMMAND_DESCRIPTOR_LENGTH <= end; ) {
    const flags = data.readUInt8(at + 5);
    commands.push({
      operationCode: data.readUInt8(at),
      serviceAction: (flags & 0x01) === 0 ? null : data.readUInt16BE(at + 2),
      cdbLength: data.readUInt16BE(at + 6),
    });
    at += COMMAND_DESCRIPTOR_LENGTH + ((flags & 0x02) === 0 ? 0 : TIMEOUTS_LENGTH);
  }
  return commands;
}

/** SPC-4 "One_command parameter data format". */
export function parseCommandSupport(data: Buffer): CommandSupport {
  const code = data.readUInt8(1) & 0x07;
  const cdbLength = data.readUInt16BE(2);
  const names: Readonly<Record<number, CommandSupport['support']>> = { 1: 'not supported', 3: 'as the standard', 5: 'vendor specific' };
  return { support: names[code] ?? 'unknown', cdbLength, cdbUsage: data.subarray(LIST_HEADER_LENGTH, LIST_HEADER_LENGTH + cdbLength) };
}

const PORT_GROUP_LENGTH = 8;
const PORT_DESCRIPTOR_LENGTH = 4;

/** SPC-4 "REPORT TARGET PORT GROUPS command". */
export function parseTargetPortGroups(data: Buffer): TargetPortGroup[] {
  const groups: TargetPortGroup[] = [];
  const end = Math.min(data.length, LIST_HEADER_LENGTH + data.readUInt32BE(0));
  for (let at = LIST_HEADER_LENGTH; at + PORT_GROUP_LENGTH <= end; ) {
    const next = at + PORT_GROUP_LENGTH + PORT_DESCRIPTOR_LENGTH * data.readUInt8(at + 7);
    if (next > end) break;
    const ports: number[] = [];
    for (let port = at + PORT_GROUP_LENGTH; port < next; port += PORT_DESCRIPTOR_LENGTH) ports.push(data.readUInt16BE(port + 2));
    groups.push({
      preferred: (data.readUInt8(at) & 0x80) !== 0,
      asymmetricAccessState: data.readUInt8(at) & 0x0f,
      supportedStates: data.readUInt8(at + 1),
      targetPortGroup: data.readUInt16BE(at + 2),
      statusCode: data.readUInt8(at + 5),
      relativeTargetPortIdentifiers: ports,
    });
    at = next;
  }
  return groups;
}

/** SPC-4 "REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS command". */
export function parseSupportedTaskManagement(data: Buffer): SupportedTaskManagement {
  const [first, second] = [data.readUInt8(0), data.readUInt8(1)];
  return {
    abortTask: (first & 0x80) !== 0,
    abortTaskSet: (first & 0x40) !== 0,
    clearAca: (first & 0x20) !== 0,
    clearTaskSet: (first & 0x10) !== 0,
    logicalUnitReset: (first & 0x08) !== 0,
    queryTask: (first & 0x04) !== 0,
    queryAsynchronousEvent: (second & 0x04) !== 0,
    queryTaskSet: (second & 0x02) !== 0,
    itNexusReset: (second & 0x01) !== 0,
  };
}

/** SPC-4 §7.3 "Log parameters". */
export function parseLogPage(data: Buffer): LogPage {
  const body = data.subarray(LIST_HEADER_LENGTH, LIST_HEADER_LENGTH + data.readUInt16BE(2));
  const parameters: LogParameter[] = [];
  for (let at = 0; at + 4 <= body.length; ) {
    const next = at + 4 + body.readUInt8(at + 3);
    if (next > body.length) break;
    parameters.push({ code: body.readUInt16BE(at), control: body.readUInt8(at + 2), value: body.subarray(at + 4, next) });
    at = next;
  }
  const first = data.readUInt8(0);
  return { pageCode: first & 0x3f, subpageCode: (first & SUBPAGE_BIT) === 0 ? 0 : data.readUInt8(1), parameters, body };
}

const SUBPAGE_BIT = 0x40;
const SAVABLE_BIT = 0x80;
const PAGE_CODE_MASK = 0x3f;

/** SPC-4 §7.5 "Mode parameters": pages one behind the other. */
export function parseModePages(bytes: Buffer): ModePage[] {
  const pages: ModePage[] = [];
  for (let at = 0; at + 2 <= bytes.length; ) {
    const first = bytes.readUInt8(at);
    const hasSubpage = (first & SUBPAGE_BIT) !== 0;
    const bodyAt = at + (hasSubpage ? 4 : 2);
    if (bodyAt > bytes.length) break;
    const next = bodyAt + (hasSubpage ? bytes.readUInt16BE(at + 2) : bytes.readUInt8(at + 1));
    if (next > bytes.length) break;
    const subpageCode = hasSubpage ? bytes.readUInt8(at + 1) : 0;
    pages.push({ pageCode: first & PAGE_CODE_MASK, subpageCode, savable: (first & SAVABLE_BIT) !== 0, body: bytes.subarray(bodyAt, next) });
    at = next;
  }
  return pages;
}

/** A page as MODE SELECT sends it: PS is reserved there. */
export function encodeModePage({ pageCode, subpageCode, body }: Omit<ModePage, 'savable'>): Buffer {
  if (subpageCode === 0) return Buffer.concat([Buffer.from([pageCode & PAGE_CODE_MASK, body.length]), body]);
  const header = Buffer.from([(pageCode & PAGE_CODE_MASK) | SUBPAGE_BIT, subpageCode, 0, 0]);
  header.writeUInt16BE(body.length, 2);
  return Buffer.concat([header, body]);
}

const LBA_STATUS_HEADER_LENGTH = 8;
const LBA_STATUS_DESCRIPTOR_LENGTH = 16;

/** SBC-3 "GET LBA STATUS parameter data". */
export function parseLbaStatus(data: Buffer): LbaStatus[] {
  const statuses: LbaStatus[] = [];
  // PARAMETER DATA LENGTH counts what follows it, four reserved bytes included.
  const end = Math.min(data.length, LIST_HEADER_LENGTH + data.readUInt32BE(0));
  for (let at = LBA_STATUS_HEADER_LENGTH; at + LBA_STATUS_DESCRIPTOR_LENGTH <= end; at += LBA_STATUS_DESCRIPTOR_LENGTH) {
    statuses.push({ lba: data.readBigUInt64BE(at), lbaCount: data.readUInt32BE(at + 8), provisioningStatus: data.readUInt8(at + 12) & 0x0f });
  }
  return statuses;
}

/** READ CAPACITY (10) and (16). SBC-3 "READ CAPACITY (16) parameter data". */
export interface Capacity {
  readonly lbaCount: bigint;
  readonly blockLengthBytes: number;
  /** LBPME. READ CAPACITY (16) only; null after READ CAPACITY (10), as those below. */
  readonly thinProvisioned: boolean | null;
  /** LBPRZ. */
  readonly unmappedReadsZeros: boolean | null;
  readonly physicalBlockExponent: number | null;
  readonly lowestAlignedLba: number | null;
  /** 0 without protection information, otherwise its type. */
  readonly protectionType: number | null;
  readonly bytes: Buffer;
}

const CAPACITY_16_LENGTH = 32;

export function parseCapacity10(data: Buffer): Capacity {
  return {
    lbaCount: BigInt(data.readUInt32BE(0)) + 1n,
    blockLengthBytes: data.readUInt32BE(4),
    thinProvisioned: null,
    unmappedReadsZeros: null,
    physicalBlockExponent: null,
    lowestAlignedLba: null,
    protectionType: null,
    bytes: data,
  };
}

export function parseCapacity16(data: Buffer): Capacity {
  const full = data.length >= CAPACITY_16_LENGTH;
  const protection = full ? data.readUInt8(12) : 0;
  return {
    lbaCount: data.readBigUInt64BE(0) + 1n,
    blockLengthBytes: data.readUInt32BE(8),
    thinProvisioned: full ? (data.readUInt8(14) & 0x80) !== 0 : null,
    unmappedReadsZeros: full ? (data.readUInt8(14) & 0x40) !== 0 : null,
    physicalBlockExponent: full ? data.readUInt8(13) & 0x0f : null,
    lowestAlignedLba: full ? data.readUInt16BE(14) & 0x3fff : null,
    protectionType: full ? ((protection & 0x01) === 0 ? 0 : ((protection >> 1) & 0x07) + 1) : null,
    bytes: data,
  };
}
