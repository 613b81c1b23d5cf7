/** Every codec of RFC 7143 §11: bytes in, values out, no I/O. */
export * from './ahs.js';
export * from './async-message.js';
export * from './bhs.js';
export * from './data.js';
export * from './digest.js';
export * from './login.js';
export * from './logout.js';
export * from './lun.js';
export * from './nop.js';
export * from './numbers.js';
export * from './ready-to-transfer.js';
export * from './reject.js';
export * from './scsi-command.js';
export * from './snack.js';
export * from './task-management.js';
export * from './text.js';
export * from './text-data.js';
