import type { LimitName } from '../limits.js';
import type { ChapAlgorithmName } from '../login/chap-algorithms.js';
import type { AccessStateName } from '../scsi/alua/access-state.js';
import type { ExecutionPolicy } from '../scsi/logical-unit.js';

/** What an engine serves, complete and checked: the CLI, the YAML file and the API all end here. */
export interface EngineConfig {
  readonly portals: readonly PortalConfig[];
  readonly targets: readonly TargetConfig[];
  readonly execution: ExecutionPolicy;
  /** Worker threads; 0 means no pool at all, so that everything runs inline. */
  readonly workerCount: number;
  /** Allows portals beyond loopback for targets that say nothing about who may log in. */
  readonly insecure: boolean;
  /** Where `lunloom stats` and others ask the running engine: `auto`, `off` or an absolute path. `off` where it is left out. */
  readonly control?: string;
  /** Absolute path of the directory for what outlives the engine; nothing does where it is left out. */
  readonly state?: string;
  /** Where the targets are registered; nowhere where it is left out. */
  readonly isns?: IsnsConfig;
  /** Who may discover; everybody where it is left out. What discovery tells depends on the access rules of the targets all the same. */
  readonly discovery?: ChapConfig;
  /** The first that fits decides. */
  readonly redirects?: readonly RedirectConfig[];
  readonly limits: Partial<Record<LimitName, number>>;
}

/** An iSNS server and how to register with it. RFC 4171. */
export interface IsnsConfig {
  readonly server: IsnsServerConfig;
  /** Entity Identifier, 1 to 255 bytes; the name of the first target where it is left out. RFC 4171 §6.2.1. */
  readonly entity?: string;
  /** The registration is looked after this often, or twice within the period that the server grants. */
  readonly refreshSeconds: number;
}

export interface IsnsServerConfig {
  /** A name, or an IPv4 or IPv6 address without brackets. */
  readonly host: string;
  readonly port: number;
}

export interface PortalConfig {
  /** IPv4 or IPv6 address, without brackets. */
  readonly address: string;
  /** 0 picks a free port. */
  readonly port: number;
  /** 1 to 65535; 1 where it is left out. RFC 7143 §4.1. */
  readonly portalGroupTag?: number;
}

/** Where a secret is read from when the engine starts: never the secret itself. */
export type SecretSource =
  /** Absolute. The file must be its owner's alone. */
  { readonly file: string } | { readonly env: string };

export interface ChapUserConfig {
  /** Compared with CHAP_N as it stands. */
  readonly name: string;
  readonly secret: SecretSource;
}

/** Authentication by CHAP, RFC 7143 §12.1.3. Without users nobody has to authenticate, and the rest must be left out too. */
export interface ChapConfig {
  readonly users?: readonly ChapUserConfig[];
  /** How the target proves itself to initiators that ask for it. */
  readonly mutual?: ChapUserConfig;
  /** All that there are where it is left out. */
  readonly algorithms?: readonly ChapAlgorithmName[];
}

/** Who fits all that is named may see the LUNs. At least one of the first three must be named. */
export interface AccessRuleConfig {
  /** Names in which `*` stands for any characters and `?` for one. */
  readonly initiators?: readonly string[];
  /** Addresses and CIDR ranges. */
  readonly addresses?: readonly string[];
  /** Names of users of the target. */
  readonly users?: readonly string[];
  /** All of the target where it is left out. */
  readonly luns?: readonly number[];
}

/** Logins to a target, by a portal, or both, that are sent elsewhere. RFC 7143 §11.13.5, Status-Class 1. */
export interface RedirectConfig {
  /** All targets where it is left out; one that is not served here may be named. */
  readonly target?: string;
  /** One of the portals; all of them where it is left out. */
  readonly portal?: PortalConfig;
  readonly to: {
    /** A name, or an IPv4 or IPv6 address without brackets. */
    readonly host: string;
    readonly port: number;
  };
  readonly permanent: boolean;
}

/** A target port group, SPC-4 "Asymmetric logical unit access", with the access state that it starts in. */
export interface PortGroupConfig {
  /** TARGET PORT GROUP, 1 to 65535. */
  readonly id: number;
  /** Portal group tags. */
  readonly portals: readonly number[];
  readonly state: AccessStateName;
  readonly preferred: boolean;
}

export interface TargetConfig extends ChapConfig {
  /** iSCSI name: `iqn.`, `eui.` or `naa.` form. RFC 7143 §4.2.7. */
  readonly name: string;
  readonly alias?: string;
  /** The portal groups by which it is reached; all of them where it is left out. */
  readonly portalGroupTags?: readonly number[];
  /** Target port groups, of which every portal group is in one; all in one that is active and optimized where it is left out. */
  readonly portGroups?: readonly PortGroupConfig[];
  readonly luns: readonly LunConfig[];
  /** What all the rules that fit give together; everything to everybody where it is left out. */
  readonly access?: readonly AccessRuleConfig[];
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

/** A LUN: a disk on a store, or a device of another kind. */
export type LunConfig = DiskLunConfig | DeviceLunConfig;

interface LunConfigCommon {
  readonly lun: number;
  readonly readOnly: boolean;
  readonly execution?: ExecutionPolicy;
  /** 16 or 32 hex digits; derived from the target's name and the LUN where it is left out. */
  readonly naa?: string;
  readonly serial?: string;
  readonly vendor?: string;
  readonly product?: string;
}

export interface DeviceLunConfig extends LunConfigCommon {
  readonly device: {
    /** The name of a `DeviceKind`. */
    readonly kind: string;
    /** What stands behind the colon, paths absolute; empty when there is nothing. */
    readonly source: string;
    /** By the keys that the kind has, as its schemas read them. */
    readonly options: Readonly<Record<string, unknown>>;
  };
}

export interface DiskLunConfig extends LunConfigCommon {
  readonly device?: undefined;
  readonly store: StoreConfig;
  readonly blockLengthBytes: number;
  /** A power of two times the block length; the block length where it is left out. SBC-3, LOGICAL BLOCKS PER PHYSICAL BLOCK EXPONENT. */
  readonly physicalBlockLengthBytes?: number;
  /** Blocks can be unmapped. Where it is left out: so it is for `ram` and for files that are sparse. */
  readonly thin?: boolean;
  /** Of a thin unit: space that its blocks may take together; what the store has where it is left out. */
  readonly spaceBytes?: number;
  /** Of a thin unit: the used share of that space, in percent, at which initiators are told. */
  readonly thresholdPercent?: number;
  readonly removable?: boolean;
  /** Protection information, SBC-3 "Protection types"; none where it is left out. */
  readonly protectionType?: 1 | 2 | 3;
}
