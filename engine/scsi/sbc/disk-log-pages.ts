import {
  generalStatisticsPage,
  informationalExceptionsLogPage,
  nonMediumErrorPage,
  readErrorCounterPage,
  startStopCyclePage,
  temperaturePage,
  verifyErrorCounterPage,
  writeErrorCounterPage,
} from '../spc/log/common-pages.js';
import { LogFormat, type LogPage, list } from '../spc/log/log-page.js';
import { thresholdExponentOf } from './threshold-sets.js';

/** Bytes of a log parameter value: RESOURCE COUNT, then SCOPE, then reserved. */
const RESOURCE_LENGTH = 8;
/** SCOPE, SBC-3 "LBA resource count log parameters": the count is of this logical unit alone, or of what it shares, as files share their file system. */
const Scope = { unit: 0b01, shared: 0b10 } as const;
const AVAILABLE_RESOURCES = 0x0001;
const USED_RESOURCES = 0x0002;
const UINT32_MAX = 0xffffffff;

/** Logical Block Provisioning log page, SBC-3: in threshold sets, of which the Logical Block Provisioning VPD page tells the size. */
const logicalBlockProvisioningLogPage: LogPage = {
  code: 0x0c,
  subpage: 0,
  isOf: ({ medium }) => medium?.thin === true,
  parameters({ medium }) {
    const provisioning = medium?.thin === true ? medium.store.provisioning : null;
    if (medium === null || provisioning === null) return [];
    const setBytes = 2 ** thresholdExponentOf(medium) * medium.blockLengthBytes;
    const spaceBytes = provisioning.spaceBytes ?? medium.blockCount * medium.blockLengthBytes;
    const { usedBytes } = provisioning;
    const availableScope = provisioning.spaceBytes === null && medium.store.kind === 'file' ? Scope.shared : Scope.unit;
    return [
      list(AVAILABLE_RESOURCES, resources(Math.floor(Math.max(0, spaceBytes - usedBytes) / setBytes), availableScope), LogFormat.binaryList),
      list(USED_RESOURCES, resources(Math.ceil(usedBytes / setBytes), Scope.unit), LogFormat.binaryList),
    ];
  },
};

function resources(count: number, scope: number): Uint8Array {
  const bytes = new Uint8Array(RESOURCE_LENGTH);
  new DataView(bytes.buffer).setUint32(0, Math.min(count, UINT32_MAX));
  bytes[4] = scope;
  return bytes;
}

/** The log pages of a disk, in ascending order. */
export const diskLogPages: readonly LogPage[] = [
  writeErrorCounterPage,
  readErrorCounterPage,
  verifyErrorCounterPage,
  nonMediumErrorPage,
  logicalBlockProvisioningLogPage,
  temperaturePage,
  startStopCyclePage,
  generalStatisticsPage,
  informationalExceptionsLogPage,
];
