/** iSNS client of a target: keeps portals, targets and portal groups registered. RFC 4171. */
export * from './attribute.js';
export * from './isns-client.js';
export * from './message.js';
export * from './registration.js';
