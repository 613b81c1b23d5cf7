/** The engine as a library: `import { Engine } from 'lunloom'`. */
export type { LoginCounts } from './access/access-control.js';
export type {
  AccessRuleConfig,
  ChapConfig,
  ChapUserConfig,
  DeviceLunConfig,
  DiskLunConfig,
  EngineConfig,
  IsnsConfig,
  LunConfig,
  PortalConfig,
  PortGroupConfig,
  RedirectConfig,
  SecretSource,
  StoreConfig,
  TargetConfig,
} from './config/engine-config.js';
export { loadConfigFile } from './config/load-config.js';
export { Engine, type EngineOptions, type EngineUsage, type TargetDescription } from './engine.js';
export { ProtocolViolation, TargetError } from './errors.js';
export type { IsnsState } from './isns/index.js';
export { type LimitName, type Limits, limitTable } from './limits.js';
export type { EngineSnapshot } from './metrics/engine-metrics.js';
export type { AccessStateName } from './scsi/alua/access-state.js';
export type { LiveUnits } from './units/live-units.js';
export type { PortGroupStatus, TargetUnits, UnitStatus } from './units/unit-status.js';
