import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { AhsType, encodeExtendedCdbAhs, extendedCdbAhsLengthBytes, Opcode, RejectReason } from '../../engine/pdu/index.js';
import { cdb } from '../../initiator/index.js';
import { ATTACK_LBA, attack, Scene } from './scene.js';

const scene = await Scene.open();
test.after(() => scene.close());

const SEGMENT_LENGTH_MAX = 262_144;

/** An additional header segment as it comes: RFC 7143 §11.2.2. */
function ahs(ahsLength: number, type: number, bytesTotal: number): Buffer {
  const bytes = Buffer.alloc(bytesTotal);
  bytes.writeUInt16BE(ahsLength, 0);
  bytes.writeUInt8(type, 2);
  return bytes;
}

for (const [name, length] of [
  ['one byte above MaxRecvDataSegmentLength', SEGMENT_LENGTH_MAX + 1],
  ['the largest that the field can say', 0xffffff],
] as const) {
  attack(scene, `a DataSegmentLength of ${name} is rejected and ends the connection (RFC 7143 §13.12, §7.7)`, async () => {
    const attacker = await scene.login();
    const header = attacker.write(ATTACK_LBA, 1 << 20, { dataSegmentLength: length });
    attacker.send(header);
    await attacker.expectReject(RejectReason.invalidPduField, header);
    await attacker.expectClose();
  });
}

attack(scene, 'a DataSegmentLength at MaxRecvDataSegmentLength is taken', async () => {
  const attacker = await scene.login();
  attacker.send(attacker.ping(Buffer.alloc(SEGMENT_LENGTH_MAX, 7)));
  assert.is((await attacker.expect(Opcode.nopIn)).data.length, SEGMENT_LENGTH_MAX);
  await attacker.expectServed(ATTACK_LBA);
});

for (const length of [8193, 65_536, 0xffffff]) {
  attack(scene, `a Login Request that announces ${length} bytes ends the connection (RFC 7143 §13.12)`, async () => {
    const attacker = await scene.connect();
    const header = Buffer.alloc(48);
    header.writeUInt8(0x43, 0);
    header.writeUInt8(0x87, 1);
    header.writeUInt32BE(length, 4);
    attacker.send(header);
    await attacker.expectClose();
  });
}

const brokenAhs: readonly (readonly [name: string, bytes: Buffer])[] = [
  ['an AHS of length 0', ahs(0, AhsType.extendedCdb, 4)],
  ['an AHS that overruns TotalAHSLength', ahs(200, AhsType.extendedCdb, 8)],
  ['an AHS of length 0xffff', ahs(0xffff, AhsType.extendedCdb, 8)],
  ['an AHS of an unknown type', ahs(5, 0x3f, 8)],
  ['an AHS of type 0', ahs(5, 0, 8)],
  ['an Extended CDB AHS that comes twice', Buffer.concat([ahs(5, AhsType.extendedCdb, 8), ahs(5, AhsType.extendedCdb, 8)])],
  [
    'a Bidirectional Read Expected Data Transfer Length AHS that comes twice',
    Buffer.concat([ahs(5, AhsType.bidirectionalReadLength, 8), ahs(5, AhsType.bidirectionalReadLength, 8)]),
  ],
  ['a Bidirectional Read Expected Data Transfer Length AHS of another length', ahs(4, AhsType.bidirectionalReadLength, 8)],
  ['an Extended CDB AHS for a CDB beyond 260 bytes', ahs(246, AhsType.extendedCdb, 252)],
  ['AHS bytes up to all that TotalAHSLength can say', Buffer.alloc(1020, 1)],
];
for (const [name, bytes] of brokenAhs) {
  attack(scene, `${name} is rejected, and the connection and its CmdSN go on (RFC 7143 §11.2.2, §11.17.1)`, async () => {
    const attacker = await scene.login();
    for (const data of [undefined, Buffer.alloc(512, 3)]) {
      const pdu = attacker.write(ATTACK_LBA, 512, { ahs: bytes, ...(data ? { data } : {}) });
      attacker.send(pdu);
      await attacker.expectReject(RejectReason.invalidPduField, pdu);
    }
    await attacker.expectServed(ATTACK_LBA);
  });
}

attack(scene, 'an Extended CDB AHS behind a short CDB changes nothing of it; the bytes behind a CDB are not looked at (SPC-4 "CDB")', async () => {
  const attacker = await scene.login();
  const long = Buffer.alloc(260);
  cdb.readCdb(10, ATTACK_LBA, 1).copy(long);
  const bytes = Buffer.alloc(extendedCdbAhsLengthBytes(260));
  encodeExtendedCdbAhs(long, new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0);
  const initiatorTaskTag = attacker.takeTag();
  attacker.send(attacker.command({ cdb: long, ahs: bytes, read: true, expectedLength: 512, initiatorTaskTag }));
  await attacker.expectData(initiatorTaskTag, 512);
  await attacker.expectServed(ATTACK_LBA);
});

attack(scene, 'a variable-length CDB that says it is longer than it is ends with ILLEGAL REQUEST (SPC-4 "Variable length CDB formats")', async () => {
  const attacker = await scene.login();
  for (const additionalLength of [0x18, 0xf4, 0xff]) {
    const short = Buffer.alloc(16);
    short.writeUInt8(0x7f, 0);
    short.writeUInt8(additionalLength, 7);
    short.writeUInt16BE(0x0009, 8);
    const initiatorTaskTag = attacker.takeTag();
    attacker.send(attacker.command({ cdb: short, read: true, expectedLength: 512, initiatorTaskTag }));
    const { status, sense } = await attacker.expectResponse(initiatorTaskTag);
    assert.is(status, 2);
    assert.is((sense[2] as number) & 0x0f, 5, 'ILLEGAL REQUEST');
  }
  await attacker.expectServed(ATTACK_LBA);
});

for (const opcode of [0x07, 0x0f, 0x11, 0x1c, 0x1e, 0x1f, Opcode.nopIn, Opcode.scsiResponse, Opcode.dataIn, Opcode.readyToTransfer, Opcode.reject]) {
  attack(scene, `opcode 0x${opcode.toString(16)} from an initiator is rejected as not supported (RFC 7143 §11.17.1)`, async () => {
    const attacker = await scene.login();
    for (const data of [Buffer.alloc(0), Buffer.alloc(70_001, 9)]) {
      const pdu = attacker.bare(opcode, data);
      attacker.send(pdu);
      await attacker.expectReject(RejectReason.commandNotSupported, pdu);
    }
    await attacker.expectServed(ATTACK_LBA);
  });
}

attack(scene, 'a Login Request in the full-feature phase is rejected (RFC 7143 §6.3)', async () => {
  const attacker = await scene.login();
  const pdu = attacker.bare(0x43, Buffer.from('InitiatorName=iqn.x\0'));
  attacker.send(pdu);
  const reject = await attacker.expect(Opcode.reject);
  assert.is(reject.view.getUint8(2), RejectReason.protocolError);
  await attacker.expectServed(ATTACK_LBA);
});

attack(scene, 'SNACK at ErrorRecoveryLevel 0 is rejected (RFC 7143 §11.16)', async () => {
  const attacker = await scene.login();
  for (const type of [0x80, 0x81, 0x82, 0x83, 0x8f]) {
    const pdu = attacker.bare(Opcode.snackRequest);
    pdu.writeUInt8(type, 1);
    attacker.send(pdu);
    await attacker.expectReject(RejectReason.snackReject, pdu);
  }
  await attacker.expectServed(ATTACK_LBA);
});

test.run();
