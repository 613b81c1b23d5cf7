export * from '../pdu/iscsi-name.js';
