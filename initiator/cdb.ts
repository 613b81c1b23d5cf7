/** Command descriptor blocks as an initiator builds them. Clauses of SPC-4 and SBC-3 by section title. */
export * from './scsi/block-cdbs.js';
export * from './scsi/operations.js';
export * from './scsi/persistent-reservation-cdbs.js';
export * from './scsi/primary-cdbs.js';
