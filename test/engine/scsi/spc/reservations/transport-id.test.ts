import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeTransportId, initiatorNameOf, parseTransportId } from '../../../../../engine/scsi/spc/reservations/transport-id.js';
import { assertBytes, hex } from '../../../../support/assert-bytes.js';

// `iqn.2024-01.test:a,i,0x80000000000f`: 35 characters and a null are 36.
const PORT = 'iqn.2024-01.test:a,i,0x80000000000f';
const PORT_ID = `45000024${Buffer.from(PORT).toString('hex')}00`;
// 18 characters: padded to the 20 bytes that are the least.
const DEVICE_ID = `05000014${Buffer.from('iqn.2024-01.test:a').toString('hex')}0000`;

function parse(text: string) {
  const bytes = hex(text);
  return parseTransportId(bytes, 0, bytes.length);
}

function patched(text: string, at: number, ...bytes: number[]): Buffer {
  const patch = Buffer.from(hex(text));
  patch.set(bytes, at);
  return patch;
}

test('TransportID: an initiator port has format 01b, and its name is padded with at least one null', () => {
  assertBytes(encodeTransportId(PORT), hex(PORT_ID));
  const exact = 'iqn.2024-01.test:abcd,i,0x80000000000f';
  assert.is(encodeTransportId(exact).length, 4 + 40);
  assert.is(encodeTransportId(`${exact}0`.slice(0, 40)).length % 4, 0);
});

test('TransportID: formats 00b and 01b are read as they were written', () => {
  const initiatorName = 'iqn.2024-01.test:a';
  assert.equal(parse(PORT_ID), { kind: 'transport-id', initiatorName, initiatorPortName: PORT, lengthBytes: 40 });
  assert.equal(parse(DEVICE_ID), { kind: 'transport-id', initiatorName, initiatorPortName: null, lengthBytes: 24 });
});

test('TransportID: names and ISIDs are compared in lower case', () => {
  const text = 'IQN.2024-01.Test:A,i,0x80000000000F';
  const id = parse(`45000024${Buffer.from(text).toString('hex')}00`);
  assert.is(id.kind === 'transport-id' && id.initiatorPortName, PORT);
});

test('TransportID: what is none is a fault at the byte that is wrong', () => {
  const faults: [Buffer, number][] = [
    [patched(PORT_ID, 0, 0x46), 0], // Serial attached SCSI.
    [patched(PORT_ID, 0, 0x85), 0], // A reserved format.
    [patched(PORT_ID, 0, 0x55), 0], // A reserved bit.
    [patched(PORT_ID, 1, 0x01), 0],
    [patched(PORT_ID, 2, 0x00, 0x28), 2], // Longer than the list.
    [patched(PORT_ID, 2, 0xff, 0xff), 2],
    [patched(PORT_ID, 2, 0x00, 0x22), 2], // No multiple of four.
    [patched(PORT_ID, 2, 0x00, 0x10), 2], // Shorter than any.
    [patched(PORT_ID, 2, 0x00, 0x20), 4], // Cuts the null off.
    [patched(PORT_ID, 39, 0x31), 4], // 13 digits, no null.
    [patched(PORT_ID, 38, 0x67), 4], // `g` is no digit.
    [patched(PORT_ID, 4, 0x00), 4], // Nothing before the null, something behind it.
    [patched(PORT_ID, 8, 0xff), 4], // No UTF-8.
    [patched(PORT_ID, 4, 0x78), 4], // `xqn.` is no iSCSI name.
    [patched(DEVICE_ID, 0, 0x45), 4], // A port without an ISID.
    [patched(DEVICE_ID, 23, 0x01), 4],
  ];
  for (const [bytes, at] of faults) assert.equal(parseTransportId(bytes, 0, bytes.length), { kind: 'fault', at }, bytes.toString('hex'));
});

test('TransportID: every cut of one is refused', () => {
  const bytes = hex(PORT_ID);
  for (let end = 0; end < bytes.length; end++) assert.is(parseTransportId(bytes, 0, end).kind, 'fault', `${end} bytes`);
});

test('TransportID: any byte that is changed gives a name of an initiator port or a fault, and never throws', () => {
  for (let at = 0; at < 40; at++) {
    for (let value = 0; value < 256; value++) {
      const bytes = patched(PORT_ID, at, value);
      const id = parseTransportId(bytes, 0, bytes.length);
      if (id.kind === 'transport-id' && id.initiatorPortName !== null) assert.is(initiatorNameOf(id.initiatorPortName), id.initiatorName);
    }
  }
});

test.run();
