import { assert } from '../../errors.js';
import { ALL_BITS, CONTROL_UNUSED, returnData, writeAscii } from '../cdb.js';
import type { UnitCommandRow } from '../command-table.js';
import type { ITNexus } from '../it-nexus.js';
import type { LogicalUnit } from '../logical-unit.js';
import { invalidFieldInCdb } from '../sense.js';

/** A vital product data page, SPC-4 §7.8: what follows its four-byte header. */
export interface VpdPage {
  readonly code: number;
  readonly build: (unit: LogicalUnit, nexus: ITNexus) => Uint8Array;
}

/** What a device type says of itself in INQUIRY. */
export interface InquiryProfile {
  /** PERIPHERAL QUALIFIER, SPC-4 §6.6.2: 000b connected, 011b no device possible here. */
  readonly peripheralQualifier: number;
  /** TPGS: target port groups can be asked for and set. */
  readonly hasTargetPortGroups?: boolean;
  /** At most eight, SPC-4 §6.6.2, VERSION DESCRIPTOR. */
  readonly versionDescriptors: readonly number[];
  /** By ascending page code, without page 00h, which is generated. */
  readonly vpdPages: readonly VpdPage[];
}

/*
 * INQUIRY, SPC-4 §6.6.
 *
 *     0| 0x12 | Reserved          EVPD | Page Code |
 *     3| Allocation Length             | Control   |
 */
const EVPD_BIT = 0x01;
const PAGE_CODE_AT = 2;
const ALLOCATION_LENGTH_AT = 3;

/** Standard INQUIRY data up to the vendor-specific part, SPC-4 §6.6.2. */
const STANDARD_LENGTH = 96;
const STANDARD = {
  peripheral: 0,
  removable: 1,
  version: 2,
  responseDataFormat: 3,
  additionalLength: 4,
  targetPortGroups: 5,
  thirdPartyCopy: 5,
  protect: 5,
  multiPort: 6,
  commandQueuing: 7,
  vendor: 8,
  product: 16,
  revision: 32,
  versionDescriptors: 58,
} as const;
/** SPC-3: initiators take it for "knows REPORT LUNS and 16-bit allocation lengths"; the version descriptors say the rest. */
const VERSION_SPC_3 = 0x05;
const RMB_BIT = 0x80;
const NORMACA_BIT = 0x20;
const HIERARCHICAL_LUNS_BIT = 0x10;
const RESPONSE_DATA_FORMAT = 0x02;
const CMDQUE_BIT = 0x02;
const TPGS_IMPLICIT_AND_EXPLICIT = 0x30;
/** 3PC: third-party copy commands are supported. */
const THIRD_PARTY_COPY_BIT = 0x08;
/** PROTECT: logical blocks have protection information. */
const PROTECT_BIT = 0x01;
/** MULTIP: the SCSI device has more than one target port. */
const MULTIP_BIT = 0x10;
const EXTENDED_COPY = 0x83;
const VERSION_DESCRIPTOR_COUNT_MAX = 8;
export const VENDOR_LENGTH = 8;
export const PRODUCT_LENGTH = 16;
const REVISION_LENGTH = 4;

const SUPPORTED_VPD_PAGES = 0x00;
const VPD_HEADER_LENGTH = 4;

/** The INQUIRY row of a device type. */
export function inquiryRow(profile: InquiryProfile): UnitCommandRow {
  assert(profile.versionDescriptors.length <= VERSION_DESCRIPTOR_COUNT_MAX, 'INQUIRY data has room for eight version descriptors');
  const pages = new Map<number, VpdPage['build']>();
  pages.set(SUPPORTED_VPD_PAGES, () => Uint8Array.from(pages.keys()));
  let previousCode = SUPPORTED_VPD_PAGES;
  for (const page of profile.vpdPages) {
    assert(page.code > previousCode, 'VPD pages are listed by ascending code');
    pages.set(page.code, page.build);
    previousCode = page.code;
  }
  return {
    runsOn: 'main',
    reservation: 'always',
    accessState: 'transitioning',
    opcode: 0x12,
    name: 'INQUIRY',
    clause: 'SPC-4 §6.6',
    cdbLength: 6,
    cdbUsage: [0x12, EVPD_BIT, ALL_BITS, ALL_BITS, ALL_BITS, CONTROL_UNUSED],
    passesUnitAttention: true,
    passesNotReady: true,
    execute(command, unit, nexus) {
      const allocationLength = command.cdbView.getUint16(ALLOCATION_LENGTH_AT);
      const pageCode = command.cdb[PAGE_CODE_AT] as number;
      const wantsPage = ((command.cdb[1] as number) & EVPD_BIT) !== 0;
      const build = pages.get(pageCode);
      if (!wantsPage && pageCode === 0) returnData(command, standardData(unit, profile), allocationLength);
      else if (wantsPage && build !== undefined) returnData(command, vpdPage(unit, profile, pageCode, build(unit, nexus)), allocationLength);
      else invalidFieldInCdb(command, PAGE_CODE_AT);
    },
  };
}

function peripheralByte(unit: LogicalUnit, profile: InquiryProfile): number {
  return (profile.peripheralQualifier << 5) | unit.deviceType.peripheralDeviceType;
}

function standardData(unit: LogicalUnit, profile: InquiryProfile): Uint8Array {
  const data = new Uint8Array(STANDARD_LENGTH);
  data[STANDARD.peripheral] = peripheralByte(unit, profile);
  if (unit.removable) data[STANDARD.removable] = RMB_BIT;
  data[STANDARD.version] = VERSION_SPC_3;
  const normalAca = unit.deviceType.normalAca === true ? NORMACA_BIT : 0;
  data[STANDARD.responseDataFormat] = normalAca | HIERARCHICAL_LUNS_BIT | RESPONSE_DATA_FORMAT;
  data[STANDARD.additionalLength] = STANDARD_LENGTH - (STANDARD.additionalLength + 1);
  if (profile.hasTargetPortGroups === true) data[STANDARD.targetPortGroups] = TPGS_IMPLICIT_AND_EXPLICIT;
  if (unit.deviceType.commands.hasServiceActions(EXTENDED_COPY))
    data[STANDARD.thirdPartyCopy] = (data[STANDARD.thirdPartyCopy] as number) | THIRD_PARTY_COPY_BIT;
  if (unit.deviceType.hasProtection === true) data[STANDARD.protect] = (data[STANDARD.protect] as number) | PROTECT_BIT;
  if (unit.host.portGroups.groups.flatMap((group) => group.ports).length > 1) data[STANDARD.multiPort] = MULTIP_BIT;
  data[STANDARD.commandQueuing] = CMDQUE_BIT;
  writeAscii(data, STANDARD.vendor, VENDOR_LENGTH, unit.identity.vendor);
  writeAscii(data, STANDARD.product, PRODUCT_LENGTH, unit.identity.product);
  writeAscii(data, STANDARD.revision, REVISION_LENGTH, unit.identity.revision);
  const view = new DataView(data.buffer);
  for (const [index, descriptor] of profile.versionDescriptors.entries()) view.setUint16(STANDARD.versionDescriptors + 2 * index, descriptor);
  return data;
}

function vpdPage(unit: LogicalUnit, profile: InquiryProfile, pageCode: number, body: Uint8Array): Uint8Array {
  const data = new Uint8Array(VPD_HEADER_LENGTH + body.length);
  data[0] = peripheralByte(unit, profile);
  data[1] = pageCode;
  new DataView(data.buffer).setUint16(2, body.length);
  data.set(body, VPD_HEADER_LENGTH);
  return data;
}
