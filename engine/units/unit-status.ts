import type { EngineConfig } from '../config/engine-config.js';
import { showLunText } from '../config/store-text.js';
import type { AccessStateName } from '../scsi/alua/access-state.js';
import type { ServedDevice, ServedDisk, ServedUnit } from './served-target.js';

/** What is told of one logical unit. */
export interface UnitStatus {
  readonly lun: number;
  /** What it is: `disk`, or the name of another kind of device. */
  readonly device: string;
  readonly store: string;
  /** Null for what has no size, or no medium now. */
  readonly sizeBytes: number | null;
  /** Null where blocks have no fixed length. */
  readonly blockLengthBytes: number | null;
  readonly physicalBlockLengthBytes: number | null;
  readonly readOnly: boolean;
  readonly thin: boolean;
  /** Of a thin unit: bytes that its blocks take; null for others. */
  readonly usedBytes: number | null;
  readonly removable: boolean;
  /** False while the medium is ejected, or where there is none. */
  readonly loaded: boolean;
  readonly execution: string;
  readonly naa: string;
  readonly serial: string;
  /** More of a device in a few words; empty for disks. */
  readonly detail: string;
}

export interface PortGroupStatus {
  readonly id: number;
  readonly portals: readonly number[];
  readonly state: AccessStateName | 'transitioning';
  readonly preferred: boolean;
}

export interface TargetUnits {
  readonly name: string;
  readonly luns: readonly UnitStatus[];
  readonly portGroups: readonly PortGroupStatus[];
}

export function unitStatusOf(served: ServedUnit, { execution }: EngineConfig): UnitStatus {
  const { config, unit } = served;
  const { identity, removable } = unit;
  const common = {
    lun: config.lun,
    store: showLunText(config),
    removable,
    execution: config.execution ?? execution,
    naa: identity.naa,
    serial: identity.serial,
  };
  return { ...common, ...(served.device === null ? diskStatusOf(served) : deviceStatusOf(served)) };
}

type OwnStatus = Omit<UnitStatus, 'lun' | 'store' | 'removable' | 'execution' | 'naa' | 'serial'>;

function diskStatusOf({ config, store, unit: { medium } }: ServedDisk): OwnStatus {
  const thin = medium?.thin ?? (store.provisioning !== null && (config.thin ?? store.sparse));
  return {
    device: 'disk',
    sizeBytes: store.sizeBytes,
    blockLengthBytes: config.blockLengthBytes,
    physicalBlockLengthBytes: config.physicalBlockLengthBytes ?? config.blockLengthBytes,
    readOnly: medium?.readOnly ?? (config.readOnly || store.readOnly),
    thin,
    usedBytes: thin ? (store.provisioning?.usedBytes ?? null) : null,
    loaded: medium !== null,
    detail: '',
  };
}

function deviceStatusOf({ config, device }: ServedDevice): OwnStatus {
  const { sizeBytes, blockLengthBytes, loaded, detail } = device.describe();
  const { readOnly } = config;
  return {
    device: config.device.kind,
    sizeBytes,
    blockLengthBytes,
    physicalBlockLengthBytes: blockLengthBytes,
    readOnly,
    thin: false,
    usedBytes: null,
    loaded,
    detail,
  };
}
