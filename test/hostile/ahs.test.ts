import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  AhsType,
  BIDIRECTIONAL_AHS_LENGTH_BYTES,
  CDB_LENGTH_MAX,
  encodeBidirectionalReadLengthAhs,
  encodeExtendedCdbAhs,
  extendedCdbAhsLengthBytes,
  Opcode,
  RejectReason,
} from '../../engine/pdu/index.js';
import { seededRandom } from '../support/random.js';
import type { CommandFields, HostileInitiator } from './hostile-initiator.js';
import { ATTACK_LBA, attack, FILE_POOL_LUN, RAM_INLINE_LUN, RAM_POOL_LUN, Scene } from './scene.js';

const scene = await Scene.open();
test.after(() => scene.close());

const SEED = Number(process.env['LUNLOOM_SEED'] ?? Date.now() % 2 ** 32);
const LUNS = [RAM_INLINE_LUN, FILE_POOL_LUN, RAM_POOL_LUN];
const ILLEGAL_REQUEST = 5;
const INVALID_FIELD_IN_CDB = 0x2400;
const GOOD = 0;
const BLOCK = 512;
const Action = { xdWriteRead: 0x0007, read: 0x0009, write: 0x000b } as const;

function cdb32(action: number, lba = ATTACK_LBA, lbaCount = 1): Buffer {
  const cdb = Buffer.alloc(32);
  cdb[0] = 0x7f;
  cdb[7] = 0x18;
  cdb.writeUInt16BE(action, 8);
  cdb.writeUInt32BE(lba, 16);
  cdb.writeUInt32BE(lbaCount, 28);
  return cdb;
}

function xdWriteRead10(lba = ATTACK_LBA, lbaCount = 1): Buffer {
  const cdb = Buffer.alloc(10);
  cdb[0] = 0x53;
  cdb.writeUInt32BE(lba, 2);
  cdb.writeUInt16BE(lbaCount, 7);
  return cdb;
}

function cdbAhs(cdb: Uint8Array): Buffer {
  const ahs = Buffer.alloc(extendedCdbAhsLengthBytes(cdb.length));
  encodeExtendedCdbAhs(cdb, new DataView(ahs.buffer, ahs.byteOffset, ahs.length), 0);
  return ahs;
}

function lengthAhs(lengthBytes: number): Buffer {
  const ahs = Buffer.alloc(BIDIRECTIONAL_AHS_LENGTH_BYTES);
  encodeBidirectionalReadLengthAhs(lengthBytes, new DataView(ahs.buffer, ahs.byteOffset, ahs.length), 0);
  return ahs;
}

/** Sends a command and takes all its PDUs up to its status. */
async function settle(attacker: HostileInitiator, fields: CommandFields): Promise<{ dataIn: Buffer; status: number }> {
  const initiatorTaskTag = attacker.takeTag();
  attacker.send(attacker.command({ ...fields, initiatorTaskTag }));
  const pieces: Buffer[] = [];
  for (;;) {
    const pdu = await attacker.raw.nextPdu(5_000);
    assert.is(pdu.view.getUint32(16), initiatorTaskTag, 'the tag of the answer');
    if (pdu.opcode === Opcode.dataIn) {
      pieces.push(pdu.data);
      if ((pdu.view.getUint8(1) & 1) === 0) continue;
    } else {
      assert.is(pdu.opcode, Opcode.scsiResponse);
    }
    return { dataIn: Buffer.concat(pieces), status: pdu.view.getUint8(3) };
  }
}

attack(scene, 'both segments in either order serve a bidirectional command with an extended CDB (RFC 7143 §11.2.2)', async () => {
  const attacker = await scene.login();
  for (const lun of LUNS) {
    await settle(attacker, {
      lun,
      cdb: cdb32(Action.write),
      write: true,
      expectedLength: BLOCK,
      data: Buffer.alloc(BLOCK, 0x0f),
      ahs: cdbAhs(cdb32(Action.write)),
    });
    const cdb = cdb32(Action.xdWriteRead);
    for (const [fill, ahs] of [
      [0xff, Buffer.concat([cdbAhs(cdb), lengthAhs(BLOCK)])],
      [0x0f, Buffer.concat([lengthAhs(BLOCK), cdbAhs(cdb)])],
    ] as const) {
      const { dataIn, status } = await settle(attacker, { lun, cdb, read: true, write: true, expectedLength: BLOCK, data: Buffer.alloc(BLOCK, fill), ahs });
      assert.is(status, GOOD);
      assert.ok(dataIn.equals(Buffer.alloc(BLOCK, 0xf0)));
    }
    await attacker.expectServed(ATTACK_LBA, lun);
  }
});

attack(scene, 'an extended CDB of every length from 17 to 260 is taken, with anything in its padding (RFC 7143 §11.2.2.3)', async () => {
  const attacker = await scene.login();
  for (let length = 17; length <= CDB_LENGTH_MAX; length++) {
    const cdb = Buffer.alloc(length, 0xa5);
    // TEST UNIT READY: what lies behind a CDB is none of it.
    cdb.fill(0, 0, 6);
    const ahs = cdbAhs(cdb);
    ahs.fill(0xff, 4 + length - 16);
    assert.is((await settle(attacker, { cdb, ahs })).status, GOOD, `${length} bytes`);
  }
  await attacker.expectServed(ATTACK_LBA);
});

attack(scene, 'a 32-byte CDB of any other length than it says is INVALID FIELD IN CDB, and touches nothing (SPC-4 "Variable length CDB formats")', async () => {
  const attacker = await scene.login();
  for (const length of [17, 31, 33, 36, CDB_LENGTH_MAX]) {
    for (const action of Object.values(Action)) {
      const cdb = Buffer.concat([cdb32(action), Buffer.alloc(CDB_LENGTH_MAX)]).subarray(0, length);
      const initiatorTaskTag = attacker.takeTag();
      const data = Buffer.alloc(BLOCK, 0xee);
      const ahs = Buffer.concat([cdbAhs(cdb), lengthAhs(BLOCK)]);
      attacker.send(attacker.command({ cdb, read: true, write: true, expectedLength: BLOCK, data, ahs, initiatorTaskTag }));
      await attacker.expectSense(initiatorTaskTag, ILLEGAL_REQUEST, INVALID_FIELD_IN_CDB);
    }
  }
  await attacker.expectServed(ATTACK_LBA);
});

const broken: readonly (readonly [name: string, ahs: Buffer])[] = [
  ['of length 0 behind a good one', Buffer.concat([lengthAhs(BLOCK), Buffer.alloc(4)])],
  ['of one byte', Buffer.from([0, 1, AhsType.extendedCdb, 0])],
  ['that repeats behind another', Buffer.concat([lengthAhs(BLOCK), cdbAhs(cdb32(Action.xdWriteRead)), lengthAhs(BLOCK)])],
  ['that ends in the padding of TotalAHSLength', Buffer.concat([cdbAhs(cdb32(Action.xdWriteRead)), Buffer.from([0, 5, AhsType.bidirectionalReadLength, 0])])],
  ['of an unknown type behind a good one', Buffer.concat([lengthAhs(BLOCK), Buffer.from([0, 5, 3, 0, 0, 0, 0, 0])])],
  ['longer than 260 bytes of CDB', cdbAhs(Buffer.alloc(CDB_LENGTH_MAX + 1))],
];
for (const [name, ahs] of broken) {
  attack(scene, `a segment ${name} is rejected, and the CmdSN counts as received, in order, early and immediate (RFC 7143 §11.2.2)`, async () => {
    const attacker = await scene.login();
    const data = Buffer.alloc(BLOCK, 0xee);
    const fields = { cdb: cdb32(Action.xdWriteRead), read: true, write: true, expectedLength: BLOCK, data, ahs };
    const inOrder = attacker.command(fields);
    attacker.send(inOrder);
    await attacker.expectReject(RejectReason.invalidPduField, inOrder);

    const next = attacker.cmdSN;
    const early = attacker.command({ ...fields, cmdSN: next + 1 });
    attacker.send(early);
    await attacker.expectReject(RejectReason.invalidPduField, early);
    const initiatorTaskTag = attacker.takeTag();
    attacker.send(attacker.testUnitReady({ initiatorTaskTag }));
    attacker.cmdSN = next + 2;
    await attacker.expectStatus(initiatorTaskTag, GOOD);

    const immediate = attacker.command({ ...fields, immediate: true });
    attacker.send(immediate);
    await attacker.expectReject(RejectReason.invalidPduField, immediate);
    await attacker.expectServed(ATTACK_LBA);
  });
}

attack(scene, 'a header with segments that comes byte by byte, digests and all, is the same header', async () => {
  const attacker = await scene.login({ offers: { HeaderDigest: 'CRC32C', DataDigest: 'CRC32C' } });
  await settle(attacker, { cdb: cdb32(Action.write), write: true, expectedLength: BLOCK, data: Buffer.alloc(BLOCK, 1), ahs: cdbAhs(cdb32(Action.write)) });
  const cdb = cdb32(Action.xdWriteRead);
  const initiatorTaskTag = attacker.takeTag();
  const ahs = Buffer.concat([lengthAhs(BLOCK), cdbAhs(cdb)]);
  const pdu = attacker.command({ cdb, read: true, write: true, expectedLength: BLOCK, data: Buffer.alloc(BLOCK, 3), ahs, initiatorTaskTag });
  for (let at = 0; at < 100; at++) {
    attacker.send(pdu.subarray(at, at + 1));
    await new Promise(setImmediate);
  }
  attacker.send(pdu.subarray(100));
  const dataIn = await attacker.expect(Opcode.dataIn);
  assert.ok(dataIn.data.equals(Buffer.alloc(BLOCK, 2)));
  await attacker.expectStatus(initiatorTaskTag, GOOD);
  await attacker.expectServed(ATTACK_LBA);
});

attack(scene, 'a Bidirectional Read length of 2^32 - 1, or for a command of one direction, moves no byte too many', async () => {
  const attacker = await scene.login();
  for (const lun of LUNS) {
    const cdb = xdWriteRead10();
    const both = await settle(attacker, { lun, cdb, read: true, write: true, expectedLength: BLOCK, data: Buffer.alloc(BLOCK), ahs: lengthAhs(0xffffffff) });
    assert.equal([both.status, both.dataIn.length], [GOOD, BLOCK]);
    const ahs = Buffer.concat([cdbAhs(cdb32(Action.read)), lengthAhs(1 << 20)]);
    const read = await settle(attacker, { lun, cdb: cdb32(Action.read), read: true, expectedLength: 100, ahs });
    assert.equal([read.status, read.dataIn.length], [GOOD, 100]);
  }
});

attack(scene, `segments of random bytes are rejected or understood, and nothing else comes of them (seed ${SEED})`, async () => {
  const attacker = await scene.login();
  const random = seededRandom(SEED);
  let rejected = 0;
  for (let round = 0; round < 400; round++) {
    const ahs = Buffer.from(random.bytes(4 * (1 + random.below(random.below(10) === 0 ? 255 : 20))));
    // Half of them with a length and a type that are nearly right.
    if (random.boolean()) {
      ahs.writeUInt16BE(random.below(ahs.length + 4), 0);
      ahs.writeUInt8(random.below(4), 2);
    }
    const initiatorTaskTag = attacker.takeTag();
    const cdb = random.boolean() ? Buffer.alloc(16) : xdWriteRead10();
    const both = cdb[0] !== 0;
    attacker.send(
      attacker.command({ cdb, ahs, initiatorTaskTag, ...(both ? { read: true, write: true, expectedLength: BLOCK, data: Buffer.alloc(BLOCK) } : {}) }),
    );
    let pdu = await attacker.raw.nextPdu(5_000);
    while (pdu.opcode === Opcode.dataIn) pdu = await attacker.raw.nextPdu(5_000);
    if (pdu.opcode === Opcode.reject) {
      assert.is(pdu.view.getUint8(2), RejectReason.invalidPduField);
      rejected++;
    } else assert.equal([pdu.opcode, pdu.view.getUint32(16), pdu.view.getUint8(3)], [Opcode.scsiResponse, initiatorTaskTag, GOOD]);
  }
  assert.ok(rejected > 200 && rejected < 400, `${rejected} rejected`);
  await attacker.expectServed(ATTACK_LBA);
});

test.run();
