/**
 * `lunloom/initiator`: an iSCSI initiator for tests, scripts and load. `Session` has a promise for every request and checks
 * the target's every step; `PipelinedCore` drives load; `RawConnection` speaks PDU by PDU, or nonsense.
 */
export * as cdb from './cdb.js';
export { type CheckName, checkClauses } from './checks.js';
export type { CommandOptions, CommandResult, PendingCommand } from './command-exchange.js';
export type { TaskManagementOptions } from './control-exchanges.js';
export type { CoreCommandOptions } from './core-command.js';
export { InitiatorError, type InitiatorErrorCode, LoginError, PduRejected, ScsiCommandError, TargetViolation } from './errors.js';
export { ISCSI_PORT, type IscsiUrl, parseIscsiUrl } from './iscsi-url.js';
export type { KeyOffers, NegotiatedKeys } from './key-negotiation.js';
export { type InitiatorLimitName, initiatorLimitTable } from './limits.js';
export { type DigestName, type LoginOptions, type LoginPhaseOptions, type LoginResult, randomIsid } from './login.js';
export { PipelinedCore, type PipelinedCoreOptions } from './pipelined-core.js';
export { framePdu, RawConnection, type RawConnectOptions, type ReceivedPdu, type SendPduOptions } from './raw-connection.js';
export {
  type BlockCommandOptions,
  type Capacity,
  LogicalUnitClient,
  type ModeSenseResult,
  type StandardInquiry,
  type VitalProductDataPage,
} from './scsi.js';
export { type ParsedSense, parseSense } from './sense-data.js';
export { type DiscoveredTarget, type RequestOptions, Session, type SessionOptions } from './session.js';
export type { SessionEvents } from './session-receiver.js';
