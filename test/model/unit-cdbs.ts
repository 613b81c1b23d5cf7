import type { Port } from './nexus-client.js';
import { defaultModes } from './reference-unit.js';
import type { ControlValues, OutFields } from './unit-operations.js';
import { ports } from './unit-operations.js';
import { BLOCK } from './unit-rig.js';

/** CDBs and parameter lists as the standards lay them out, made here anew so that no mistake is shared with the engine. */
const NACA_BIT = 0x04;

export function cdbOf(bytes: readonly number[], naca: boolean | undefined): Uint8Array {
  const cdb = Uint8Array.from(bytes);
  if (naca === true) cdb[cdb.length - 1] = NACA_BIT;
  return cdb;
}

export const simpleCdbs = {
  ready: [0x00, 0, 0, 0, 0, 0],
  sense: [0x03, 0, 0, 0, 64, 0],
  read: [0x28, 0, 0, 0, 0, 1, 0, 0, 1, 0],
  beyond: [0x28, 0, 0xff, 0, 0, 1, 0, 0, 1, 0],
  write: [0x2a, 0, 0, 0, 0, 2, 0, 0, 1, 0],
  open: [0x2a, 0, 0, 0, 0, 3, 0, 0, 1, 0],
  reserve: [0x16, 0, 0, 0, 0, 0],
  release: [0x17, 0, 0, 0, 0, 0],
  timestamp: [0xa4, 0x0f, 0, 0, 0, 0, 0, 0, 0, 12, 0, 0],
  start: [0x1b, 0, 0, 0, 0x01, 0],
  stop: [0x1b, 0, 0, 0, 0x00, 0],
  eject: [0x1b, 0, 0, 0, 0x02, 0],
  load: [0x1b, 0, 0, 0, 0x03, 0],
  inquiry: [0x12, 0, 0, 0, 96, 0],
  idle: [0x1b, 0, 0, 0, 0x20, 0],
  standby: [0x1b, 0, 0, 0, 0x30, 0],
} as const;

export const dataOutLengths: Partial<Record<keyof typeof simpleCdbs, number>> = { write: BLOCK, timestamp: 12 };
export const dataInLengths: Partial<Record<keyof typeof simpleCdbs, number>> = { sense: 64, read: BLOCK, beyond: BLOCK, inquiry: 96 };

/** `name,i,0xISID`, as SPC-4 "iSCSI TransportID" has it. */
export function initiatorPortOf({ initiatorName, isid }: Port): string {
  return `${initiatorName},i,0x${isid}`;
}

function transportId(initiatorPort: string): Buffer {
  const text = Buffer.from(`${initiatorPort}\0`);
  const padded = Buffer.concat([text, Buffer.alloc((4 - (text.length % 4)) % 4)]);
  return Buffer.concat([Buffer.from([0x45, 0, padded.length >> 8, padded.length & 0xff]), padded]);
}

/** PERSISTENT RESERVE OUT: the CDB and its parameter list. */
export function reserveOut(fields: OutFields, naca: boolean | undefined): { cdb: Uint8Array; dataOut: Uint8Array } {
  const list = Buffer.alloc(24);
  list.writeBigUInt64BE(BigInt(fields.key), 0);
  list.writeBigUInt64BE(BigInt(fields.serviceActionKey), 8);
  const parts: Buffer[] = [list];
  if (fields.action === 7) {
    list[17] = (fields.unregister ? 2 : 0) | (fields.aptpl ? 1 : 0);
    list.writeUInt16BE(fields.destinationPort, 18);
    const id = transportId(initiatorPortOf(ports[fields.destination] as Port));
    list.writeUInt32BE(id.length, 20);
    parts.push(id);
  } else {
    list[20] = (fields.specified === null ? 0 : 8) | (fields.allTargetPorts ? 4 : 0) | (fields.aptpl ? 1 : 0);
    if (fields.specified !== null) {
      const ids = Buffer.concat(fields.specified.map((at) => transportId(initiatorPortOf(ports[at] as Port))));
      const length = Buffer.alloc(4);
      length.writeUInt32BE(ids.length);
      parts.push(length, ids);
    }
  }
  const dataOut = Buffer.concat(parts);
  const cdb = cdbOf([0x5f, fields.action, (fields.scope << 4) | fields.type, 0, 0, 0, 0, dataOut.length >> 8, dataOut.length & 0xff, 0], naca);
  return { cdb, dataOut };
}

/** Control mode page with its header, SPC-4 "Control mode page". */
export function controlPageBytes(values: ControlValues, isSaveable = false): Uint8Array {
  const page = new Uint8Array(12);
  page[0] = 0x0a | (isSaveable ? 0x80 : 0);
  page[1] = 0x0a;
  page[2] = (values.perNexus ? 0x20 : 0) | (values.descriptorSense ? 0x04 : 0) | 0x02;
  page[3] = 0x10 | (values.noReleaseAttention ? 0x08 : 0) | (values.queueError << 1);
  page[4] = values.writeProtect ? 0x08 : 0;
  page[5] = values.tellsAborted ? 0x40 : 0;
  page[8] = 0xff;
  page[9] = 0xff;
  return page;
}

/** Caching mode page with its header, SBC-3 "Caching mode page": WCE. */
export function cachingPageBytes(writeCache: boolean, isSaveable = false): Uint8Array {
  const page = new Uint8Array(20);
  page[0] = 0x08 | (isSaveable ? 0x80 : 0);
  page[1] = 0x12;
  page[2] = writeCache ? 0x04 : 0;
  return page;
}

export function modeSelect(isLong: boolean, saves: boolean, pages: readonly Uint8Array[], fault: 'page' | 'length' | null, naca: boolean | undefined) {
  // A page that there is none of, or one that the list cuts off.
  const wrong = fault === 'page' ? [Buffer.from([0x3e, 0x02, 0, 0])] : fault === 'length' ? [controlPageBytes(defaultModes).subarray(0, 7)] : [];
  const dataOut = Buffer.concat([Buffer.alloc(isLong ? 8 : 4), ...pages, ...wrong]);
  const flags = 0x10 | (saves ? 1 : 0);
  const bytes = isLong ? [0x55, flags, 0, 0, 0, 0, 0, 0, dataOut.length, 0] : [0x15, flags, 0, 0, dataOut.length, 0];
  return { cdb: cdbOf(bytes, naca), dataOut };
}
