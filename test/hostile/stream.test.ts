import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeLoginRequest, encodeTextData, LoginStage, Opcode, RejectReason } from '../../engine/pdu/index.js';
import { framePdu } from '../../initiator/index.js';
import { seededRandom } from '../support/random.js';
import type { HostileInitiator } from './hostile-initiator.js';
import { ATTACK_LBA, attack, FILE_POOL_LUN, RAM_INLINE_LUN, Scene, TARGET_NAME } from './scene.js';

const scene = await Scene.open();
test.after(() => scene.close());

const bothDigests = { header: 'CRC32C', data: 'CRC32C' } as const;
const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

function loginRequest(isid: string): Buffer {
  const keys = encodeTextData([
    ['InitiatorName', 'iqn.2025-01.dev.lunloom:attacker'],
    ['SessionType', 'Normal'],
    ['TargetName', TARGET_NAME],
    ['HeaderDigest', 'None'],
    ['InitialR2T', 'No'],
  ]);
  const header = Buffer.alloc(48);
  const stages = { transit: true, continue: false, currentStage: LoginStage.loginOperationalNegotiation, nextStage: LoginStage.fullFeaturePhase };
  const fields = { ...stages, versionMax: 0, versionMin: 0, isid, tsih: 0, initiatorTaskTag: 0, cid: 0, cmdSN: 1, expStatSN: 0 };
  encodeLoginRequest(fields, keys.length, new DataView(header.buffer, header.byteOffset), 0);
  return framePdu(header, { data: keys });
}

/** Two turns of the event loop: what was written before and after arrives in reads of its own. */
async function apart(): Promise<void> {
  await nextTurn();
  await nextTurn();
}

/** A write with an AHS that it does not need, immediate data and two unsolicited Data-Out PDUs, and a ping: every kind of segment. */
function writeInPieces(attacker: HostileInitiator, lun: number, data: Buffer, initiatorTaskTag: number): Buffer {
  const ahs = Buffer.from('000501005a5a5a5a', 'hex');
  const split = data.length - 130;
  return Buffer.concat([
    attacker.write(ATTACK_LBA, data.length, { lun, ahs, data: data.subarray(0, split), final: false, initiatorTaskTag }),
    attacker.dataOut({ initiatorTaskTag, bufferOffset: split, data: data.subarray(split, -1), final: false }),
    attacker.dataOut({ initiatorTaskTag, bufferOffset: data.length - 1, dataSN: 1, data: data.subarray(-1) }),
    attacker.ping(Buffer.from('x')),
  ]);
}

/** GOOD for the write and the echo of the ping, in either order, and the data on the medium. */
async function expectWritten(attacker: HostileInitiator, lun: number, data: Buffer, initiatorTaskTag: number): Promise<void> {
  for (const due = new Set<number>([Opcode.scsiResponse, Opcode.nopIn]); due.size > 0; ) {
    const pdu = await attacker.raw.nextPdu(5_000);
    assert.ok(due.delete(pdu.opcode), `opcode 0x${pdu.opcode.toString(16)}`);
    attacker.expStatSN = (pdu.view.getUint32(24) + 1) >>> 0;
    if (pdu.opcode === Opcode.nopIn) assert.is(pdu.data.toString(), 'x');
    else assert.equal([pdu.view.getUint32(16), pdu.view.getUint8(3)], [initiatorTaskTag, 0]);
  }
  const readTag = attacker.takeTag();
  attacker.send(attacker.read(ATTACK_LBA, data.length, { lun, initiatorTaskTag: readTag }));
  assert.ok((await attacker.expectData(readTag, data.length)).equals(data), 'what was written is read back');
}

for (const [name, lun, digests] of [
  ['memory', RAM_INLINE_LUN, {}],
  ['memory, both digests', RAM_INLINE_LUN, bothDigests],
  ['a file on workers, both digests', FILE_POOL_LUN, bothDigests],
] as const) {
  attack(scene, `a stream cut at every byte is the same stream (${name})`, async () => {
    const attacker = await scene.login({ digests, offers: { InitialR2T: 'No' } });
    const random = seededRandom(lun);
    let cut = 1;
    for (let end = false; !end; cut++) {
      const data = Buffer.from(random.bytes(512));
      const initiatorTaskTag = attacker.takeTag();
      const bytes = writeInPieces(attacker, lun, data, initiatorTaskTag);
      end = cut >= bytes.length - 1;
      attacker.send(bytes.subarray(0, cut));
      await apart();
      attacker.send(bytes.subarray(cut));
      await expectWritten(attacker, lun, data, initiatorTaskTag);
    }
    assert.ok(cut > 48 * 4 + 512, 'every segment was cut');
  });

  attack(scene, `a stream that comes byte by byte is the same stream (${name})`, async () => {
    const attacker = await scene.login({ digests, offers: { InitialR2T: 'No' } });
    const data = Buffer.from(seededRandom(99).bytes(512));
    const initiatorTaskTag = attacker.takeTag();
    for (const byte of writeInPieces(attacker, lun, data, initiatorTaskTag)) {
      attacker.send(Uint8Array.of(byte));
      await nextTurn();
    }
    await expectWritten(attacker, lun, data, initiatorTaskTag);
  });
}

attack(scene, 'a Login Request cut at every byte is the same request (RFC 7143 §6.3)', async () => {
  const length = loginRequest('800000000001').length;
  for (let cut = 1; cut < length; cut++) {
    const attacker = await scene.connect();
    const bytes = loginRequest(`8000000${(0x10000 + cut).toString(16)}`);
    attacker.send(bytes.subarray(0, cut));
    await apart();
    attacker.send(bytes.subarray(cut));
    const response = await attacker.expect(Opcode.loginResponse);
    assert.equal([response.view.getUint8(1), response.view.getUint16(36)], [0x87, 0], 'the full-feature phase, success');
    attacker.destroy();
  }
});

const endings = [
  ['a FIN', (attacker: HostileInitiator) => attacker.raw.wire.end()],
  ['a reset', (attacker: HostileInitiator) => attacker.raw.reset()],
] as const;
for (const [ending, end] of endings) {
  attack(scene, `a Login Request that breaks off with ${ending} leaves nothing behind`, async () => {
    const bytes = loginRequest('800000000002');
    for (let length = 0; length < bytes.length; length += 7) {
      const attacker = await scene.connect();
      attacker.send(bytes.subarray(0, length));
      await apart();
      end(attacker);
      await attacker.raw.expectClose(5_000);
    }
  });

  attack(scene, `PDUs of the full-feature phase that break off with ${ending} leave nothing behind`, async () => {
    let whole = false;
    for (let length = 1; !whole; length += 23) {
      const attacker = await scene.login({ digests: bothDigests, offers: { InitialR2T: 'No' } });
      const bytes = writeInPieces(attacker, length % 2, Buffer.alloc(512, length), attacker.takeTag());
      whole = length >= bytes.length;
      attacker.send(bytes.subarray(0, length));
      await apart();
      end(attacker);
      await attacker.raw.expectClose(5_000);
    }
  });

  attack(scene, `a write of many R2Ts that breaks off with ${ending} in the midst of its data leaves nothing behind`, async () => {
    for (const lun of [RAM_INLINE_LUN, FILE_POOL_LUN]) {
      for (const sentBytes of [0, 1, 47, 48, 49, 8192, 200_000]) {
        const attacker = await scene.login({ offers: { InitialR2T: 'Yes', ImmediateData: 'No' } });
        const initiatorTaskTag = attacker.takeTag();
        attacker.send(attacker.write(ATTACK_LBA, 4 << 20, { lun, initiatorTaskTag }));
        const { targetTransferTag, desiredDataTransferLength } = await attacker.expectR2T(initiatorTaskTag);
        assert.ok(desiredDataTransferLength > 65_536);
        const data = Buffer.alloc(200_000);
        attacker.send(attacker.dataOut({ lun, initiatorTaskTag, targetTransferTag, data, final: false }).subarray(0, sentBytes));
        await apart();
        end(attacker);
        await attacker.raw.expectClose(5_000);
      }
    }
  });
}

const garbage: readonly (readonly [name: string, bytes: Uint8Array])[] = [
  ['an HTTP request', Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: curl/8.0\r\nAccept: */*\r\n\r\n')],
  ['zeros', new Uint8Array(4096)],
  ['ones', new Uint8Array(4096).fill(0xff)],
  ['a TLS ClientHello', Buffer.concat([Buffer.from('16030100c8010000c40303', 'hex'), Buffer.alloc(200, 0x61)])],
  ['noise', seededRandom(20_251_123).bytes(100_000)],
];
for (const [name, bytes] of garbage) {
  attack(scene, `${name} instead of a login ends the connection (RFC 7143 §6.3)`, async () => {
    const attacker = await scene.connect();
    attacker.send(bytes);
    await attacker.expectClose();
  });
}

const beforeLogin = [
  ['a SCSI command', (attacker: HostileInitiator) => attacker.testUnitReady()],
  ['a write with data', (attacker: HostileInitiator) => attacker.write(ATTACK_LBA, 512, { data: Buffer.alloc(512) })],
  ['a Data-Out', (attacker: HostileInitiator) => attacker.dataOut({ initiatorTaskTag: 1, data: Buffer.alloc(512) })],
  ['a NOP-Out', (attacker: HostileInitiator) => attacker.ping()],
  ['a Text Request', (attacker: HostileInitiator) => attacker.text(Buffer.from('SendTargets=All\0'))],
  ['a task management request', (attacker: HostileInitiator) => attacker.taskManagement({ function: 5 })],
  ['a Logout Request', (attacker: HostileInitiator) => attacker.logout()],
  ['a Login Response', (attacker: HostileInitiator) => attacker.bare(Opcode.loginResponse)],
] as const;
for (const [name, build] of beforeLogin) {
  attack(scene, `${name} before any login ends the connection at once (RFC 7143 §6.3)`, async () => {
    const attacker = await scene.connect();
    attacker.send(build(attacker), loginRequest('800000000003'));
    await attacker.expectClose();
  });

  attack(scene, `${name} amid a login is refused with status 0x020b (RFC 7143 §11.13.5)`, async () => {
    const attacker = await scene.connect();
    const first = loginRequest('800000000004');
    // Without the T bit: the login goes on.
    first.writeUInt8(LoginStage.loginOperationalNegotiation << 2, 1);
    attacker.send(first);
    await attacker.expect(Opcode.loginResponse);
    attacker.send(build(attacker), loginRequest('800000000004'));
    const [response] = await attacker.expectClose(Opcode.loginResponse);
    assert.is(response?.view.getUint16(36), 0x020b);
  });
}

attack(scene, 'a wrong header digest ends the connection without a word (RFC 7143 §7.8, ErrorRecoveryLevel 0)', async () => {
  for (const lun of [RAM_INLINE_LUN, FILE_POOL_LUN]) {
    const attacker = await scene.login({ digests: bothDigests });
    attacker.send(attacker.write(ATTACK_LBA, 512, { lun, data: Buffer.alloc(512), corruptHeaderDigest: true }));
    await attacker.expectClose();
  }
});

const withWrongDataDigest = [
  ['a command', (attacker: HostileInitiator, lun: number) => attacker.write(ATTACK_LBA, 512, { lun, data: Buffer.alloc(512, 1), corruptDataDigest: true })],
  ['a NOP-Out', (attacker: HostileInitiator) => attacker.ping(Buffer.from('digest'), { corruptDataDigest: true })],
] as const;
for (const [name, build] of withWrongDataDigest) {
  attack(scene, `a wrong data digest of ${name} is rejected with reason 2 and ends the connection (RFC 7143 §7.8, §11.17.1)`, async () => {
    for (const lun of [RAM_INLINE_LUN, FILE_POOL_LUN]) {
      const attacker = await scene.login({ digests: bothDigests });
      // The header of another PDU was kept before: the Reject must not send back that one.
      await attacker.expectAlive();
      const pdu = build(attacker, lun);
      attacker.send(pdu);
      await attacker.expectReject(RejectReason.dataDigestError, pdu);
      await attacker.expectClose();
    }
  });
}

attack(scene, 'a wrong data digest of a Data-Out is rejected with reason 2 and ends the connection (RFC 7143 §7.8, §11.17.1)', async () => {
  for (const lun of [RAM_INLINE_LUN, FILE_POOL_LUN]) {
    const attacker = await scene.login({ digests: bothDigests, offers: { InitialR2T: 'Yes', ImmediateData: 'No' } });
    const initiatorTaskTag = attacker.takeTag();
    attacker.send(attacker.write(ATTACK_LBA, 8192, { lun, initiatorTaskTag }));
    const { targetTransferTag } = await attacker.expectR2T(initiatorTaskTag);
    await attacker.expectAlive();
    const pdu = attacker.dataOut({ lun, initiatorTaskTag, targetTransferTag, data: Buffer.alloc(8192, 1), corruptDataDigest: true });
    attacker.send(pdu);
    await attacker.expectReject(RejectReason.dataDigestError, pdu);
    await attacker.expectClose();
  }
});

test.run();
