/** SCSI over a session: logical units, block devices, and what they answer. */
export { type BlockCommandOptions, BlockCommands, type ShortFormOptions, type WriteSameOptions } from './scsi/block-commands.js';
export { BlockDevice, type BlockDeviceOptions } from './scsi/block-device.js';
export type { Designator } from './scsi/designators.js';
export { deviceTypeName, type StandardInquiry, versionDescriptorName, versionName } from './scsi/inquiry-data.js';
export { LogicalUnitClient, type ModeSelectOptions, type ModeSenseResult, type VitalProductDataPage } from './scsi/logical-unit-client.js';
export { ReservationType } from './scsi/persistent-reservation-cdbs.js';
export {
  type HeldReservation,
  PersistentReservations,
  type RegisteredKeys,
  type RegisterOptions,
  type RegistrationStatus,
  type ReservationCapabilities,
  type ReservationStatus,
} from './scsi/persistent-reservations.js';
export * from './scsi/reports.js';
export type { RetryOptions } from './scsi/retry.js';
export type { CommandRunner } from './scsi/run-command.js';
export * from './scsi/scsi-errors.js';
export { additionalSenseName, senseKeyName } from './scsi/sense-names.js';
export type { IscsiTransportId } from './scsi/transport-id.js';
export * from './scsi/vpd-pages.js';
