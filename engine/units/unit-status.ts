import type { EngineConfig } from '../config/engine-config.js';
import { formatStoreText } from '../config/store-text.js';
import type { AccessStateName } from '../scsi/alua/access-state.js';
import type { ServedUnit } from './served-target.js';

/** What is told of one logical unit. */
export interface UnitStatus {
  readonly lun: number;
  readonly store: string;
  readonly sizeBytes: number;
  readonly blockLengthBytes: number;
  readonly physicalBlockLengthBytes: number;
  readonly readOnly: boolean;
  readonly thin: boolean;
  /** Of a thin unit: bytes that its blocks take; null for others. */
  readonly usedBytes: number | null;
  readonly removable: boolean;
  /** False while the medium is ejected. */
  readonly loaded: boolean;
  readonly execution: string;
  readonly naa: string;
  readonly serial: string;
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

export function unitStatusOf({ config, store, unit }: ServedUnit, { execution }: EngineConfig): UnitStatus {
  const { medium, identity, removable } = unit;
  const thin = medium?.thin ?? (store.provisioning !== null && (config.thin ?? store.sparse));
  return {
    lun: config.lun,
    store: formatStoreText(config.store),
    sizeBytes: store.sizeBytes,
    blockLengthBytes: config.blockLengthBytes,
    physicalBlockLengthBytes: config.physicalBlockLengthBytes ?? config.blockLengthBytes,
    readOnly: medium?.readOnly ?? (config.readOnly || store.readOnly),
    thin,
    usedBytes: thin ? (store.provisioning?.usedBytes ?? null) : null,
    removable,
    loaded: medium !== null,
    execution: config.execution ?? execution,
    naa: identity.naa,
    serial: identity.serial,
  };
}
