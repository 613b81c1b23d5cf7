/**
 * `lunloom/initiator`: an iSCSI initiator for tests, scripts and load. `Session` has a promise for every request and checks
 * the target's every step; `PipelinedCore` drives load; `RawConnection` speaks PDU by PDU, or nonsense.
 */
export * as cdb from './cdb.js';
export { type ChapAlgorithm, type ChapOptions, chapResponse, decodeBinaryValue, encodeBinaryValue } from './chap.js';
export { type CheckName, checkClauses, harmlessChecks } from './checks.js';
export type { CommandOptions, CommandResult, PendingCommand } from './command-exchange.js';
export type { TaskManagementOptions } from './control-exchanges.js';
export type { CoreCommandOptions } from './core-command.js';
export { ConnectionLostError, InitiatorError, type InitiatorErrorCode, LoginError, PduRejected, TargetViolation } from './errors.js';
export {
  ISCSI_PORT,
  type IscsiUrl,
  loginOptionsOf,
  maskIscsiUrl,
  type PortalUrl,
  parseIscsiUrl,
  parsePortalUrl,
  type UrlLoginOptions,
} from './iscsi-url.js';
export type { KeyOffers, NegotiatedKeys } from './key-negotiation.js';
export type { DigestName, LoginKeys, TaskReporting } from './key-options.js';
export { type InitiatorLimitName, initiatorLimitTable } from './limits.js';
export { type LoginOptions, type LoginPhaseOptions, type LoginResult, type PortalAddress, randomIsid } from './login.js';
export { PipelinedCore, type PipelinedCoreOptions } from './pipelined-core.js';
export { framePdu, RawConnection, type RawConnectOptions, type ReceivedPdu, type SendPduOptions } from './raw-connection.js';
export * from './scsi.js';
export {
  describeSense,
  type FieldPointer,
  type ParsedSense,
  parseSense,
  type SenseDescriptor,
  SenseDescriptorType,
} from './sense-data.js';
export {
  type ConnectionInfo,
  type ConnectionOptions,
  type DiscoveredTarget,
  type LogoutOptions,
  type RequestOptions,
  Session,
  type SessionOptions,
} from './session.js';
export type { ReconnectOptions } from './session-options.js';
export type { SessionEvents } from './session-receiver.js';
export type { SnackCounts } from './snack-recovery.js';
export { parseTargetAddress, type TargetAddress } from './target-address.js';
