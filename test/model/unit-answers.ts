import { nexusName, type ReferenceReservations } from './reference-reservations.js';

/** Holds what PERSISTENT RESERVE IN returned against the reference; each answers what is wrong. SPC-4 "PERSISTENT RESERVE IN command". */

function generationFaults(data: Buffer, { generation }: ReferenceReservations): string[] {
  const found = data.readUInt32BE(0);
  return found === generation ? [] : [`PRGENERATION is ${found}, not ${generation}`];
}

function differ(what: string, found: readonly string[], expected: readonly string[]): string[] {
  const [one, other] = [[...found].sort().join(' '), [...expected].sort().join(' ')];
  return one === other ? [] : [`${what}: ${one}\n    should be: ${other}`];
}

export function readKeys(data: Buffer, reference: ReferenceReservations): string[] {
  const keys: string[] = [];
  for (let at = 8; at < 8 + data.readUInt32BE(4); at += 8) keys.push(data.readBigUInt64BE(at).toString(16));
  const expected = Array.from(reference.keys.values(), (key) => key.toString(16));
  return [...generationFaults(data, reference), ...differ('READ KEYS', keys, expected)];
}

export function readReservation(data: Buffer, reference: ReferenceReservations): string[] {
  const found = data.readUInt32BE(4) === 0 ? 'none' : `${data.readBigUInt64BE(8).toString(16)} ${(data[21] as number).toString(16)}`;
  const key = reference.holder === null ? 0n : (reference.keys.get(reference.holder) ?? 0n);
  const expected = reference.isReserved ? `${key.toString(16)} ${reference.type.toString(16)}` : 'none';
  return [...generationFaults(data, reference), ...differ('READ RESERVATION', [found], [expected])];
}

export function readFullStatus(data: Buffer, reference: ReferenceReservations): string[] {
  const found: string[] = [];
  for (let at = 8; at < 8 + data.readUInt32BE(4); ) {
    const idLength = data.readUInt32BE(at + 20);
    const id = data.subarray(at + 24, at + 24 + idLength);
    const initiatorPort = id.subarray(4).toString('latin1').replace(/\0+$/, '');
    const isHolder = ((data[at + 12] as number) & 1) !== 0;
    const name = nexusName(initiatorPort, data.readUInt16BE(at + 18));
    found.push(`${name}=${data.readBigUInt64BE(at).toString(16)}${isHolder ? ` holds ${(data[at + 13] as number).toString(16)}` : ''};`);
    at += 24 + idLength;
  }
  const expected = Array.from(
    reference.keys,
    ([name, key]) => `${name}=${key.toString(16)}${reference.isHolder(name) ? ` holds ${reference.type.toString(16)}` : ''};`,
  );
  return [...generationFaults(data, reference), ...differ('READ FULL STATUS', found, expected)];
}
