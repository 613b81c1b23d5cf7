/** Login phase, key negotiation and Text Requests of an iSCSI target: values in, values out, no I/O. */
export * from './auth-method.js';
export * from './iscsi-name.js';
export * from './key-negotiator.js';
export * from './key-row.js';
export * from './keys.js';
export * from './login-authority.js';
export * from './login-negotiation.js';
export * from './negotiated-parameters.js';
export * from './send-targets.js';
export * from './target-address.js';
export * from './text-exchange.js';
export * from './text-negotiation.js';
export * from './text-values.js';
