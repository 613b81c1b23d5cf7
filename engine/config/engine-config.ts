import type { LimitName } from '../limits.js';
import type { ExecutionPolicy } from '../scsi/logical-unit.js';

/** What an engine serves, complete and checked: the CLI, the YAML file and the API all end here. */
export interface EngineConfig {
  readonly portals: readonly PortalConfig[];
  readonly targets: readonly TargetConfig[];
  readonly execution: ExecutionPolicy;
  /** Worker threads; 0 means no pool at all, so that everything runs inline. */
  readonly workerCount: number;
  /** Allows portals beyond loopback without access control. */
  readonly insecure: boolean;
  /** Where `lunloom stats` and others ask the running engine: `auto`, `off` or an absolute path. `off` where it is left out. */
  readonly control?: string;
  readonly limits: Partial<Record<LimitName, number>>;
}

export interface PortalConfig {
  /** IPv4 or IPv6 address, without brackets. */
  readonly address: string;
  /** 0 picks a free port. */
  readonly port: number;
}

export interface TargetConfig {
  /** iSCSI name: `iqn.`, `eui.` or `naa.` form. RFC 7143 §4.2.7. */
  readonly name: string;
  readonly alias?: string;
  readonly luns: readonly LunConfig[];
}

export type StoreConfig =
  | { readonly kind: 'ram'; readonly sizeBytes: number }
  | { readonly kind: 'null'; readonly sizeBytes: number }
  | {
      readonly kind: 'file';
      readonly path: string;
      /** When given, a missing file is created sparse at this size. */
      readonly sizeBytes?: number;
      /** O_DIRECT. */
      readonly direct: boolean;
    };

export interface LunConfig {
  readonly lun: number;
  readonly store: StoreConfig;
  readonly blockLengthBytes: 512 | 4096;
  readonly readOnly: boolean;
  readonly execution?: ExecutionPolicy;
  readonly serial?: string;
  readonly vendor?: string;
  readonly product?: string;
}
