import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Engine } from '../../engine/engine.js';
import * as pdus from '../../engine/pdu/index.js';
import { DIGEST_LENGTH, Opcode, RejectReason, TaskManagementFunction } from '../../engine/pdu/index.js';
import { HostileInitiator } from './hostile-initiator.js';
import { ATTACK_LBA, attack, RAM_INLINE_LUN, RAM_POOL_LUN, Scene, sceneConfig, TARGET_NAME } from './scene.js';

/** HeaderDigest and DataDigest in every combination, right and wrong, on every kind of PDU. RFC 7143 §7.7, §7.8, §13.1. */
const scene = await Scene.open();
test.after(() => scene.close());

const combinations = (['None', 'CRC32C'] as const).flatMap((header) => (['None', 'CRC32C'] as const).map((data) => ({ header, data })));
const describe = ({ header, data }: (typeof combinations)[number]): string => `HeaderDigest=${header}, DataDigest=${data}`;

/** Every PDU has to be asked for in turn, and PDUs are as small as they may be. */
const offers = { InitialR2T: 'No', FirstBurstLength: '1024', MaxBurstLength: '1024', MaxRecvDataSegmentLength: '512', ErrorRecoveryLevel: '0' };

/** A command of 32 bytes that no device server knows. */
function extendedCdb(): { cdb: Buffer; ahs: Buffer } {
  const cdb = Buffer.alloc(32);
  cdb[0] = 0x7f;
  cdb[7] = 24;
  cdb.writeUInt16BE(0xfffe, 8);
  const ahs = Buffer.alloc(pdus.extendedCdbAhsLengthBytes(cdb.length));
  pdus.encodeExtendedCdbAhs(cdb, new DataView(ahs.buffer, ahs.byteOffset, ahs.length), 0);
  return { cdb, ahs };
}

/** Uses every PDU that an initiator may send and a target may answer with; the wire checks each digest that comes. */
async function speak(attacker: HostileInitiator, lun: number): Promise<void> {
  // Padding is digested with the data: every length modulo 4.
  for (let length = 0; length <= 5; length++) {
    const data = Buffer.from('digest').subarray(0, length);
    attacker.send(attacker.ping(data));
    assert.ok((await attacker.expect(Opcode.nopIn)).data.equals(data));
  }
  await attacker.expectServed(ATTACK_LBA, lun);

  const data = Buffer.from(Array.from({ length: 3072 }, (_, index) => (index * 7) & 0xff));
  const writeTag = attacker.takeTag();
  const command = attacker.write(ATTACK_LBA, data.length, { lun, initiatorTaskTag: writeTag, data: data.subarray(0, 301), final: false });
  const unsolicited = { lun, initiatorTaskTag: writeTag, bufferOffset: 301, data: data.subarray(301, 1024) };
  attacker.send(command, attacker.dataOut(unsolicited));
  for (let offset = 1024; offset < data.length; offset += 1024) {
    const { targetTransferTag } = await attacker.expectR2T(writeTag);
    const pieces = [data.subarray(offset, offset + 1001), data.subarray(offset + 1001, offset + 1024)];
    const common = { lun, initiatorTaskTag: writeTag, targetTransferTag };
    const first = attacker.dataOut({ ...common, bufferOffset: offset, final: false, data: pieces[0] as Buffer });
    attacker.send(first, attacker.dataOut({ ...common, dataSN: 1, bufferOffset: offset + 1001, data: pieces[1] as Buffer }));
  }
  await attacker.expectStatus(writeTag, 0);
  const readTag = attacker.takeTag();
  attacker.send(attacker.read(ATTACK_LBA, data.length, { lun, initiatorTaskTag: readTag }));
  assert.ok((await attacker.expectData(readTag, data.length)).equals(data), 'what was written is read back');

  // A response with sense data, to a header with an additional segment.
  const unknownTag = attacker.takeTag();
  attacker.send(attacker.command({ lun, initiatorTaskTag: unknownTag, ...extendedCdb() }));
  assert.is((await attacker.expectResponse(unknownTag)).status, 0x02);

  attacker.send(attacker.taskManagement({ function: TaskManagementFunction.abortTask, referencedTaskTag: 1, lun }));
  await attacker.expect(Opcode.taskManagementResponse);
  attacker.send(attacker.text(Buffer.from('SendTargets=\0')));
  assert.match((await attacker.expect(Opcode.textResponse)).data.toString(), `TargetName=${TARGET_NAME}`);
  attacker.send(attacker.bare(0x1c));
  await attacker.expect(Opcode.reject);
  attacker.send(attacker.logout());
  await attacker.expect(Opcode.logoutResponse);
  await attacker.expectClose();
}

for (const digests of combinations) {
  for (const [name, lun] of [
    ['inline', RAM_INLINE_LUN],
    ['on workers', RAM_POOL_LUN],
  ] as const) {
    attack(scene, `${describe(digests)}: every kind of PDU goes both ways, commands ${name}`, async () => {
      await speak(await scene.login({ digests, offers }), lun);
    });
  }
}

type Build = (attacker: HostileInitiator) => Buffer | Promise<Buffer>;

async function solicitedDataOut(attacker: HostileInitiator): Promise<Buffer> {
  const initiatorTaskTag = attacker.takeTag();
  attacker.send(attacker.write(ATTACK_LBA, 512, { initiatorTaskTag }));
  const { targetTransferTag } = await attacker.expectR2T(initiatorTaskTag);
  return attacker.dataOut({ initiatorTaskTag, targetTransferTag, data: Buffer.alloc(512, 5) });
}

function unsolicitedDataOut(attacker: HostileInitiator): Buffer {
  const initiatorTaskTag = attacker.takeTag();
  attacker.send(attacker.write(ATTACK_LBA, 512, { initiatorTaskTag, final: false }));
  return attacker.dataOut({ initiatorTaskTag, data: Buffer.alloc(512, 5) });
}

const withData: readonly (readonly [string, Build])[] = [
  ['a command with immediate data', (attacker) => attacker.write(ATTACK_LBA, 512, { data: Buffer.alloc(512, 5) })],
  ['a solicited Data-Out', solicitedDataOut],
  ['an unsolicited Data-Out', unsolicitedDataOut],
  ['a NOP-Out', (attacker) => attacker.ping(Buffer.from('odd'))],
  ['a Text Request', (attacker) => attacker.text(Buffer.from('SendTargets=All\0'))],
];

const withHeaderOnly: readonly (readonly [string, Build])[] = [
  ['a command', (attacker) => attacker.testUnitReady()],
  ['a command with an Extended CDB AHS', (attacker) => attacker.command(extendedCdb())],
  ['a task management request', (attacker) => attacker.taskManagement({ function: TaskManagementFunction.abortTask, referencedTaskTag: 1 })],
  ['a SNACK', (attacker) => attacker.bare(Opcode.snackRequest)],
  ['a Logout Request', (attacker) => attacker.logout()],
];

/** Where in a PDU without AHS its header digest lies. */
const HEADER_DIGEST_AT = pdus.BHS_LENGTH;

for (const digests of combinations.filter(({ header }) => header === 'CRC32C')) {
  for (const [name, build] of [...withHeaderOnly, ...withData]) {
    attack(scene, `${describe(digests)}: a wrong header digest of ${name} ends the connection without a word (RFC 7143 §7.7)`, async () => {
      const attacker = await scene.login({ digests, offers });
      const pdu = await build(attacker);
      const at = pdu.length === HEADER_DIGEST_AT + DIGEST_LENGTH || withData.some(([other]) => other === name) ? HEADER_DIGEST_AT : pdu.length - DIGEST_LENGTH;
      pdu.writeUInt8(pdu.readUInt8(at) ^ 0x10, at);
      attacker.send(pdu);
      await attacker.expectClose();
    });
  }
}

for (const digests of combinations.filter(({ data }) => data === 'CRC32C')) {
  for (const [name, build] of withData) {
    for (const [what, fromEnd] of [
      ['digest', 1],
      ['padding or last bytes', DIGEST_LENGTH + 1],
    ] as const) {
      attack(scene, `${describe(digests)}: a wrong ${what} of ${name} is rejected, and the session ends at level 0 (RFC 7143 §7.8)`, async () => {
        const attacker = await scene.login({ digests, offers });
        const pdu = await build(attacker);
        pdu.writeUInt8(pdu.readUInt8(pdu.length - fromEnd) ^ 0x01, pdu.length - fromEnd);
        attacker.send(pdu);
        await attacker.expectReject(RejectReason.dataDigestError, pdu);
        await attacker.expectClose();
      });
    }
  }
}

for (const digests of combinations) {
  test(`${describe(digests)}: an Async Message carries them too`, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'lunloom-digests-'));
    const engine = await Engine.start(sceneConfig(folder, {}));
    try {
      const { port } = engine.portals[0] as { port: number };
      const attacker = await HostileInitiator.login(port, { targetName: TARGET_NAME, digests, offers });
      const stopped = engine.stop({ immediately: false });
      await attacker.expect(Opcode.asyncMessage);
      attacker.send(attacker.logout());
      await attacker.expect(Opcode.logoutResponse);
      await stopped;
      attacker.destroy();
    } finally {
      await engine.stop({ immediately: true });
      rmSync(folder, { recursive: true, force: true });
    }
  });
}

test.run();
