import { type Designator, parseDesignators } from './designators.js';
import { asciiField } from './run-command.js';

/** Vital product data pages by name, SPC-4 §7.8 and SBC-3 §6.6. */
export const VpdPageCode = {
  supportedPages: 0x00,
  unitSerialNumber: 0x80,
  deviceIdentification: 0x83,
  managementNetworkAddresses: 0x85,
  extendedInquiry: 0x86,
  modePagePolicy: 0x87,
  scsiPorts: 0x88,
  thirdPartyCopy: 0x8f,
  blockLimits: 0xb0,
  blockDeviceCharacteristics: 0xb1,
  logicalBlockProvisioning: 0xb2,
} as const;
export type VpdPageName = keyof typeof VpdPageCode;

export interface ManagementNetworkAddress {
  readonly association: number;
  readonly serviceType: number;
  readonly address: string;
}

/** Which of its abilities a device names; bits that are left out are in `body`. */
export interface ExtendedInquiry {
  readonly activateMicrocode: number;
  readonly supportedProtectionTypes: number;
  readonly guardCheck: boolean;
  readonly applicationTagCheck: boolean;
  readonly referenceTagCheck: boolean;
  readonly groupingSupport: boolean;
  readonly prioritySupport: boolean;
  readonly headOfQueueSupport: boolean;
  readonly orderedSupport: boolean;
  readonly simpleSupport: boolean;
  readonly writeUncorrectableSupport: boolean;
  readonly nonVolatileCache: boolean;
  readonly volatileCache: boolean;
  readonly itNexusLossClearsReservations: boolean;
  readonly extendedSelfTestMinutes: number;
  readonly senseLengthMax: number;
}

export interface ModePagePolicy {
  readonly pageCode: number;
  readonly subpageCode: number;
  readonly multipleLogicalUnitsShare: boolean;
  /** 0 shared, 1 per target port, 3 per I_T nexus. */
  readonly policy: number;
}

export interface ScsiPort {
  readonly relativePortIdentifier: number;
  readonly initiatorPortTransportId: Buffer;
  readonly targetPortDesignators: readonly Designator[];
}

/** What COPY OFFLOAD can do, descriptor by descriptor. */
export interface ThirdPartyCopyDescriptor {
  readonly type: number;
  readonly body: Buffer;
}

/** In logical blocks; 0 means that the device does not say. SBC-3 "Block Limits VPD page". */
export interface BlockLimits {
  readonly writeSameNonZero: boolean;
  readonly compareAndWriteLengthMax: number;
  readonly optimalTransferLengthGranularity: number;
  readonly transferLengthMax: number;
  readonly optimalTransferLength: number;
  readonly prefetchLengthMax: number;
  readonly unmapLbaCountMax: number;
  readonly unmapDescriptorCountMax: number;
  readonly optimalUnmapGranularity: number;
  /** Null when it is not valid. */
  readonly unmapGranularityAlignment: number | null;
  readonly writeSameLengthMax: bigint;
  readonly atomicTransferLengthMax: number;
}

export interface BlockDeviceCharacteristics {
  /** Revolutions a minute; 0 not told, 1 it does not rotate. */
  readonly mediumRotationRate: number;
  readonly productType: number;
  /** 0 not told, 1 5.25", 2 3.5", 3 2.5", 4 1.8", 5 smaller. */
  readonly nominalFormFactor: number;
  /** FUAB: SYNCHRONIZE CACHE and FUA mean the same medium. */
  readonly forceUnitAccessBehaviour: boolean;
  readonly verifyByteCheckUnmapped: boolean;
}

export interface LogicalBlockProvisioning {
  readonly thresholdExponent: number;
  /** LBPU: UNMAP. */
  readonly unmapSupported: boolean;
  /** LBPWS: WRITE SAME (16) with UNMAP. */
  readonly writeSame16Unmaps: boolean;
  /** LBPWS10: WRITE SAME (10) with UNMAP. */
  readonly writeSame10Unmaps: boolean;
  /** LBPRZ: what is unmapped reads as zeros. */
  readonly unmappedReadsZeros: boolean;
  readonly anchorSupported: boolean;
  /** 0 not told, 1 resource, 2 thin. */
  readonly provisioningType: number;
}

/** What each page holds. */
export interface VpdPages {
  readonly supportedPages: readonly number[];
  readonly unitSerialNumber: string;
  readonly deviceIdentification: readonly Designator[];
  readonly managementNetworkAddresses: readonly ManagementNetworkAddress[];
  readonly extendedInquiry: ExtendedInquiry;
  readonly modePagePolicy: readonly ModePagePolicy[];
  readonly scsiPorts: readonly ScsiPort[];
  readonly thirdPartyCopy: readonly ThirdPartyCopyDescriptor[];
  readonly blockLimits: BlockLimits;
  readonly blockDeviceCharacteristics: BlockDeviceCharacteristics;
  readonly logicalBlockProvisioning: LogicalBlockProvisioning;
}

/** Fields beyond the end of a page read as zero: older devices send shorter pages. */
class Fields {
  readonly #bytes: Buffer;
  constructor(body: Buffer) {
    this.#bytes = body;
  }
  /** Offsets are those of the standard, which counts the page's header. */
  u8(at: number): number {
    return this.#bytes[at - HEADER_LENGTH] ?? 0;
  }
  bit(at: number, bit: number): boolean {
    return (this.u8(at) & (1 << bit)) !== 0;
  }
  u16(at: number): number {
    return (this.u8(at) << 8) | this.u8(at + 1);
  }
  u32(at: number): number {
    return this.u16(at) * 0x10000 + this.u16(at + 2);
  }
  u64(at: number): bigint {
    return (BigInt(this.u32(at)) << 32n) | BigInt(this.u32(at + 4));
  }
}

const HEADER_LENGTH = 4;

/** One parser a page; `body` is what follows the header. None of them throws, whatever the bytes are. */
export const vpdParsers: { readonly [K in VpdPageName]: (body: Buffer) => VpdPages[K] } = {
  supportedPages: (body) => [...body],
  unitSerialNumber: (body) => asciiField(body).trimStart(),
  deviceIdentification: parseDesignators,
  managementNetworkAddresses: parseNetworkAddresses,
  extendedInquiry: parseExtendedInquiry,
  modePagePolicy: parseModePagePolicies,
  scsiPorts: parseScsiPorts,
  thirdPartyCopy: parseThirdPartyCopy,
  blockLimits: parseBlockLimits,
  blockDeviceCharacteristics(body) {
    const page = new Fields(body);
    return {
      mediumRotationRate: page.u16(4),
      productType: page.u8(6),
      nominalFormFactor: page.u8(7) & 0x0f,
      forceUnitAccessBehaviour: page.bit(8, 1),
      verifyByteCheckUnmapped: page.bit(8, 0),
    };
  },
  logicalBlockProvisioning(body) {
    const page = new Fields(body);
    return {
      thresholdExponent: page.u8(4),
      unmapSupported: page.bit(5, 7),
      writeSame16Unmaps: page.bit(5, 6),
      writeSame10Unmaps: page.bit(5, 5),
      unmappedReadsZeros: page.bit(5, 2),
      anchorSupported: page.bit(5, 1),
      provisioningType: page.u8(6) & 0x07,
    };
  },
};

function parseNetworkAddresses(body: Buffer): ManagementNetworkAddress[] {
  const addresses: ManagementNetworkAddress[] = [];
  for (let at = 0; at + 4 <= body.length; ) {
    const end = at + 4 + body.readUInt16BE(at + 2);
    if (end > body.length) break;
    const kind = body.readUInt8(at);
    addresses.push({ association: (kind >> 5) & 0x03, serviceType: kind & 0x1f, address: asciiField(body, at + 4, end) });
    at = end;
  }
  return addresses;
}

function parseExtendedInquiry(body: Buffer): ExtendedInquiry {
  const page = new Fields(body);
  return {
    activateMicrocode: page.u8(4) >> 6,
    supportedProtectionTypes: (page.u8(4) >> 3) & 0x07,
    guardCheck: page.bit(4, 2),
    applicationTagCheck: page.bit(4, 1),
    referenceTagCheck: page.bit(4, 0),
    groupingSupport: page.bit(5, 4),
    prioritySupport: page.bit(5, 3),
    headOfQueueSupport: page.bit(5, 2),
    orderedSupport: page.bit(5, 1),
    simpleSupport: page.bit(5, 0),
    writeUncorrectableSupport: page.bit(6, 3),
    nonVolatileCache: page.bit(6, 1),
    volatileCache: page.bit(6, 0),
    itNexusLossClearsReservations: page.bit(7, 4),
    extendedSelfTestMinutes: page.u16(10),
    senseLengthMax: page.u8(13),
  };
}

const MODE_POLICY_LENGTH = 4;

function parseModePagePolicies(body: Buffer): ModePagePolicy[] {
  const policies: ModePagePolicy[] = [];
  for (let at = 0; at + MODE_POLICY_LENGTH <= body.length; at += MODE_POLICY_LENGTH) {
    const flags = body.readUInt8(at + 2);
    policies.push({
      pageCode: body.readUInt8(at) & 0x3f,
      subpageCode: body.readUInt8(at + 1),
      multipleLogicalUnitsShare: (flags & 0x80) !== 0,
      policy: flags & 0x03,
    });
  }
  return policies;
}

function parseScsiPorts(body: Buffer): ScsiPort[] {
  const ports: ScsiPort[] = [];
  for (let at = 0; at + 8 <= body.length; ) {
    const idEnd = at + 8 + body.readUInt16BE(at + 6);
    if (idEnd + 4 > body.length) break;
    const end = idEnd + 4 + body.readUInt16BE(idEnd + 2);
    if (end > body.length) break;
    ports.push({
      relativePortIdentifier: body.readUInt16BE(at + 2),
      initiatorPortTransportId: body.subarray(at + 8, idEnd),
      targetPortDesignators: parseDesignators(body.subarray(idEnd + 4, end)),
    });
    at = end;
  }
  return ports;
}

function parseThirdPartyCopy(body: Buffer): ThirdPartyCopyDescriptor[] {
  const descriptors: ThirdPartyCopyDescriptor[] = [];
  for (let at = 0; at + 4 <= body.length; ) {
    const end = at + 4 + body.readUInt16BE(at + 2);
    if (end > body.length) break;
    descriptors.push({ type: body.readUInt16BE(at), body: body.subarray(at + 4, end) });
    at = end;
  }
  return descriptors;
}

function parseBlockLimits(body: Buffer): BlockLimits {
  const page = new Fields(body);
  return {
    writeSameNonZero: page.bit(4, 0),
    compareAndWriteLengthMax: page.u8(5),
    optimalTransferLengthGranularity: page.u16(6),
    transferLengthMax: page.u32(8),
    optimalTransferLength: page.u32(12),
    prefetchLengthMax: page.u32(16),
    unmapLbaCountMax: page.u32(20),
    unmapDescriptorCountMax: page.u32(24),
    optimalUnmapGranularity: page.u32(28),
    unmapGranularityAlignment: page.bit(32, 7) ? page.u32(32) % 0x80000000 : null,
    writeSameLengthMax: page.u64(36),
    atomicTransferLengthMax: page.u32(44),
  };
}

/** The name of a page that `VpdPages` knows, or null. */
export function vpdPageName(pageCode: number): VpdPageName | null {
  return (Object.keys(VpdPageCode) as VpdPageName[]).find((name) => VpdPageCode[name] === pageCode) ?? null;
}
