import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { AhsType, Opcode, RejectReason, ResidualFlag, TaskManagementFunction, TaskManagementResponse } from '../../engine/pdu/index.js';
import { ScsiStatus } from '../../engine/scsi/status.js';
import { cdb } from '../../initiator/index.js';
import type { HostileInitiator } from './hostile-initiator.js';
import { ABSENT_LUN, ATTACK_LBA, attack, FILE_POOL_LUN, RAM_INLINE_LUN, RAM_POOL_LUN, Scene } from './scene.js';

const scene = await Scene.open();
test.after(() => scene.close());

const LUNS = [RAM_INLINE_LUN, FILE_POOL_LUN];
const solicitedOnly = { InitialR2T: 'Yes', ImmediateData: 'No' } as const;

async function readBlock(attacker: HostileInitiator, lun: number): Promise<number> {
  const initiatorTaskTag = attacker.takeTag();
  attacker.send(attacker.read(ATTACK_LBA, 512, { lun, initiatorTaskTag }));
  return (await attacker.expectData(initiatorTaskTag, 512))[0] as number;
}

for (const [name, distance] of [
  ['that was already executed', -1],
  ['far in the past', -0x7fffffff],
  ['just beyond MaxCmdSN', 128],
  ['far beyond MaxCmdSN', 0x70000000],
] as const) {
  attack(scene, `a CmdSN ${name} is ignored in silence (RFC 7143 §4.2.2.1)`, async () => {
    const attacker = await scene.login();
    for (const lun of LUNS) {
      await attacker.expectServed(ATTACK_LBA, lun);
      const before = await readBlock(attacker, lun);
      const cmdSN = attacker.cmdSN + distance;
      const ignored = attacker.takeTag();
      attacker.send(
        attacker.write(ATTACK_LBA, 512, { lun, cmdSN, initiatorTaskTag: ignored, data: Buffer.alloc(512, before + 1) }),
        attacker.read(ATTACK_LBA, 512, { lun, cmdSN }),
        attacker.ping(Buffer.from('outside'), { cmdSN }),
        attacker.text(Buffer.from('SendTargets=All\0'), { cmdSN }),
        attacker.taskManagement({ function: TaskManagementFunction.logicalUnitReset, immediate: false, cmdSN }),
        attacker.logout({ immediate: false, cmdSN }),
      );
      await attacker.expectNothing();
      assert.is(await readBlock(attacker, lun), before, 'the write outside of the window was not executed');
      attacker.send(attacker.testUnitReady({ lun, initiatorTaskTag: ignored }));
      await attacker.expectStatus(ignored, ScsiStatus.good);
    }
  });
}

attack(scene, 'commands out of order within the window are executed in order (RFC 7143 §4.2.2.1)', async () => {
  const attacker = await scene.login();
  for (const lun of [...LUNS, RAM_POOL_LUN]) {
    const base = attacker.cmdSN;
    const order = [5, 3, 1, 4, 2, 0];
    const tags = order.map(() => attacker.takeTag());
    for (const step of order) {
      attacker.send(attacker.write(ATTACK_LBA, 512, { lun, cmdSN: base + step, initiatorTaskTag: tags[step] as number, data: Buffer.alloc(512, 0xa0 + step) }));
      if (step === 2) await attacker.expectNothing();
    }
    for (const tag of tags) await attacker.expectStatus(tag, ScsiStatus.good);
    attacker.cmdSN = base + order.length;
    assert.is(await readBlock(attacker, lun), 0xa5, 'the write with the last CmdSN was the last');
  }
});

attack(scene, 'a CmdSN that is kept already is ignored in silence (RFC 7143 §4.2.2.1)', async () => {
  const attacker = await scene.login();
  const base = attacker.cmdSN;
  const [first, second] = [attacker.takeTag(), attacker.takeTag()];
  attacker.send(
    attacker.write(ATTACK_LBA, 512, { cmdSN: base + 1, initiatorTaskTag: second, data: Buffer.alloc(512, 0x21) }),
    attacker.write(ATTACK_LBA, 512, { cmdSN: base + 1, data: Buffer.alloc(512, 0x22) }),
    attacker.ping(Buffer.from('twice'), { cmdSN: base + 1 }),
  );
  await attacker.expectNothing();
  attacker.send(attacker.testUnitReady({ cmdSN: base, initiatorTaskTag: first }));
  await attacker.expectStatus(first, ScsiStatus.good);
  await attacker.expectStatus(second, ScsiStatus.good);
  attacker.cmdSN = base + 2;
  assert.is(await readBlock(attacker, RAM_INLINE_LUN), 0x21);
});

attack(scene, 'control PDUs that come early wait for their turn, too (RFC 7143 §4.2.2.1)', async () => {
  const attacker = await scene.login();
  const base = attacker.cmdSN;
  const [command, write] = [attacker.takeTag(), attacker.takeTag()];
  const badText = attacker.text(Buffer.from('no pair'), { cmdSN: base + 3 });
  attacker.send(
    attacker.taskManagement({ function: 99, immediate: false, cmdSN: base + 4 }),
    badText,
    attacker.write(ATTACK_LBA, 512, { cmdSN: base + 2, initiatorTaskTag: write, data: Buffer.alloc(512) }),
    attacker.ping(Buffer.from('early'), { cmdSN: base + 1 }),
  );
  await attacker.expectNothing();
  attacker.send(attacker.testUnitReady({ cmdSN: base, initiatorTaskTag: command }));
  await attacker.expectStatus(command, ScsiStatus.good);
  assert.is((await attacker.expect(Opcode.nopIn)).data.toString(), 'early');
  await attacker.expectStatus(write, ScsiStatus.good);
  await attacker.expectReject(RejectReason.protocolError, badText);
  assert.is((await attacker.expect(Opcode.taskManagementResponse)).view.getUint8(2), TaskManagementResponse.functionNotSupported);
  attacker.cmdSN = base + 5;
  await attacker.expectServed(ATTACK_LBA);
});

attack(scene, 'a command that comes early and is rejected leaves no gap (RFC 7143 §4.2.2.1, §11.17.1)', async () => {
  const attacker = await scene.login();
  const base = attacker.cmdSN;
  const [first, third] = [attacker.takeTag(), attacker.takeTag()];
  const broken = attacker.testUnitReady({ cmdSN: base + 1, ahs: Buffer.from('ffff010000000000', 'hex') });
  attacker.send(attacker.testUnitReady({ cmdSN: base + 2, initiatorTaskTag: third }), broken);
  await attacker.expectReject(RejectReason.invalidPduField, broken);
  attacker.send(attacker.testUnitReady({ cmdSN: base, initiatorTaskTag: first }));
  await attacker.expectStatus(first, ScsiStatus.good);
  await attacker.expectStatus(third, ScsiStatus.good);
  attacker.cmdSN = base + 3;
  await attacker.expectServed(ATTACK_LBA);
});

attack(scene, 'early commands that are aborted, or whose session ends, are given back (RFC 7143 §11.5.1)', async () => {
  const attacker = await scene.login();
  const base = attacker.cmdSN;
  const tags = [1, 2, 3].map((step) => {
    const initiatorTaskTag = attacker.takeTag();
    attacker.send(attacker.write(ATTACK_LBA, 65_536, { lun: step % 2, cmdSN: base + step, initiatorTaskTag, data: Buffer.alloc(65_536) }));
    return initiatorTaskTag;
  });
  await attacker.expectAlive();
  const aborted = tags[1] as number;
  attacker.send(attacker.taskManagement({ function: TaskManagementFunction.abortTask, lun: 0, referencedTaskTag: aborted, refCmdSN: base + 2 }));
  assert.is((await attacker.expect(Opcode.taskManagementResponse)).view.getUint8(2), TaskManagementResponse.functionComplete);
  const first = attacker.takeTag();
  attacker.send(attacker.testUnitReady({ cmdSN: base, initiatorTaskTag: first }));
  const answered = [];
  for (let i = 0; i < 3; i++) answered.push((await attacker.expect(Opcode.scsiResponse)).view.getUint32(16));
  assert.equal(answered.sort(), [first, tags[0], tags[2]].sort());
  attacker.send(attacker.write(ATTACK_LBA, 65_536, { cmdSN: base + 7, data: Buffer.alloc(65_536) }));
  await attacker.expectAlive();
});

attack(scene, 'a tag that is in use is rejected, and its first task goes on (RFC 7143 §11.17.1, reason 7)', async () => {
  const attacker = await scene.login({ offers: solicitedOnly });
  for (const lun of LUNS) {
    const initiatorTaskTag = attacker.takeTag();
    attacker.send(attacker.write(ATTACK_LBA, 8192, { lun, initiatorTaskTag }));
    const { targetTransferTag } = await attacker.expectR2T(initiatorTaskTag);
    for (const immediate of [false, true]) {
      const again = attacker.read(ATTACK_LBA, 8192, { lun, initiatorTaskTag, immediate });
      attacker.send(again);
      await attacker.expectReject(RejectReason.taskInProgress, again);
    }
    attacker.send(attacker.dataOut({ lun, initiatorTaskTag, targetTransferTag, data: Buffer.alloc(8192, 0x31) }));
    await attacker.expectStatus(initiatorTaskTag, ScsiStatus.good);
    assert.is(await readBlock(attacker, lun), 0x31);
  }
});

attack(scene, 'the reserved tag names no task (RFC 7143 §11.2.1.8)', async () => {
  const attacker = await scene.login();
  const pdu = attacker.testUnitReady({ initiatorTaskTag: 0xffffffff });
  attacker.send(pdu);
  await attacker.expectReject(RejectReason.invalidPduField, pdu);
  await attacker.expectServed(ATTACK_LBA);
});

attack(scene, 'a flood of immediate commands is bounded: what is too much is rejected with reason 6 (RFC 7143 §4.2.2.1, §11.17.1)', async () => {
  const attacker = await scene.login({ offers: solicitedOnly });
  const COUNT = 500;
  const BOUND = 16;
  const flood = Array.from({ length: COUNT }, (_, i) => attacker.write(ATTACK_LBA + 16 * i, 8192, { immediate: true, lun: i % 2 }));
  attacker.send(...flood);
  for (let i = 0; i < COUNT; i++) {
    if (i < BOUND) await attacker.expect(Opcode.readyToTransfer);
    else await attacker.expectReject(RejectReason.immediateCommandReject, flood[i] as Buffer);
  }
  await attacker.expectAlive();
  for (const lun of LUNS) {
    attacker.send(attacker.taskManagement({ function: TaskManagementFunction.abortTaskSet, lun }));
    await attacker.expect(Opcode.taskManagementResponse);
  }
  const initiatorTaskTag = attacker.takeTag();
  attacker.send(attacker.testUnitReady({ immediate: true, initiatorTaskTag }));
  await attacker.expectStatus(initiatorTaskTag, ScsiStatus.good);
});

attack(scene, 'an expected length of 0xffffffff moves what the CDB says, and the residual tells the rest (RFC 7143 §11.4.5)', async () => {
  const attacker = await scene.login();
  const expectedLength = 0xffffffff;
  for (const lun of LUNS) {
    const writeTag = attacker.takeTag();
    const block = Buffer.alloc(512, 0x41);
    attacker.send(attacker.command({ cdb: cdb.writeCdb(10, ATTACK_LBA, 1), write: true, expectedLength, lun, data: block, initiatorTaskTag: writeTag }));
    const written = await attacker.expectResponse(writeTag);
    assert.equal([written.status, written.residualFlags, written.residualCount], [0, ResidualFlag.underflow, expectedLength - 512]);
    const readTag = attacker.takeTag();
    attacker.send(attacker.command({ cdb: cdb.readCdb(10, ATTACK_LBA, 1), read: true, expectedLength, lun, initiatorTaskTag: readTag }));
    const dataIn = await attacker.expect(Opcode.dataIn);
    assert.equal([dataIn.data.length, dataIn.view.getUint8(1) & 0x06, dataIn.view.getUint32(44)], [512, ResidualFlag.underflow, expectedLength - 512]);
    const noneTag = attacker.takeTag();
    attacker.send(attacker.command({ cdb: cdb.testUnitReadyCdb(), write: true, expectedLength, lun, initiatorTaskTag: noneTag }));
    const none = await attacker.expectResponse(noneTag);
    assert.equal([none.status, none.residualFlags, none.residualCount], [0, ResidualFlag.underflow, expectedLength]);
  }
  await attacker.expectServed(ATTACK_LBA);
});

attack(scene, 'an expected length of 0 for a CDB that moves blocks overflows and moves nothing (RFC 7143 §11.4.5)', async () => {
  const attacker = await scene.login();
  for (const lun of LUNS) {
    await attacker.expectServed(ATTACK_LBA, lun);
    const before = await readBlock(attacker, lun);
    for (const [bytes, direction] of [
      [cdb.writeCdb(10, ATTACK_LBA, 8), { write: true }],
      [cdb.writeCdb(10, ATTACK_LBA, 8), {}],
      [cdb.readCdb(10, ATTACK_LBA, 8), { read: true }],
      [cdb.readCdb(10, ATTACK_LBA, 8), { write: true }],
      [cdb.readCdb(10, ATTACK_LBA, 8), { read: true, write: true }],
    ] as const) {
      const initiatorTaskTag = attacker.takeTag();
      attacker.send(attacker.command({ cdb: bytes, lun, initiatorTaskTag, expectedLength: 0, ...direction }));
      await attacker.expectResponse(initiatorTaskTag);
    }
    assert.is(await readBlock(attacker, lun), before);
  }
});

attack(scene, 'the wrong direction bits for a CDB harm nobody (RFC 7143 §11.3.1)', async () => {
  const attacker = await scene.login();
  for (const lun of LUNS) {
    for (const [bytes, fields] of [
      [cdb.readCdb(10, ATTACK_LBA, 8), { write: true, data: Buffer.alloc(4096) }],
      [cdb.writeCdb(10, ATTACK_LBA, 8), { read: true }],
      [cdb.readCdb(10, ATTACK_LBA, 8), { read: true, write: true, data: Buffer.alloc(4096) }],
      [cdb.writeCdb(10, ATTACK_LBA, 8), { read: true, write: true, data: Buffer.alloc(4096), ahs: bidirectional(0xffffffff) }],
      [cdb.readCdb(10, ATTACK_LBA, 8), { read: true, write: true, data: Buffer.alloc(4096), ahs: bidirectional(0xffffffff) }],
    ] as const) {
      const initiatorTaskTag = attacker.takeTag();
      attacker.send(attacker.command({ cdb: bytes, lun, initiatorTaskTag, expectedLength: 4096, ...fields }));
      let pdu = await attacker.raw.nextPdu(5_000);
      while (pdu.opcode === Opcode.dataIn && (pdu.view.getUint8(1) & 1) === 0) pdu = await attacker.raw.nextPdu(5_000);
      assert.ok(pdu.opcode === Opcode.scsiResponse || pdu.opcode === Opcode.dataIn);
      assert.is(pdu.view.getUint32(16), initiatorTaskTag);
    }
    await attacker.expectServed(ATTACK_LBA, lun);
  }
});

function bidirectional(length: number): Buffer {
  const ahs = Buffer.from([0, 5, AhsType.bidirectionalReadLength, 0, 0, 0, 0, 0]);
  ahs.writeUInt32BE(length, 4);
  return ahs;
}

attack(scene, 'data or a missing F bit on a command that writes nothing is rejected (RFC 7143 §11.3.1)', async () => {
  const attacker = await scene.login();
  for (const fields of [{ data: Buffer.alloc(512) }, { final: false }]) {
    const pdu = attacker.read(ATTACK_LBA, 512, fields);
    attacker.send(pdu);
    await attacker.expectReject(RejectReason.invalidPduField, pdu);
  }
  await attacker.expectServed(ATTACK_LBA);
});

attack(scene, 'LUN fields of every form and unit answer, and nothing else happens (RFC 7143 §11.2.1.7, SAM-5 "LUN representation")', async () => {
  const attacker = await scene.login();
  for (const lunField of [
    '0000000000000001',
    '0109000000000000',
    '4000000000000000',
    '7fff000000000000',
    '8000000000000000',
    'c101000000000000',
    'ffffffffffffffff',
  ]) {
    const initiatorTaskTag = attacker.takeTag();
    const pdu = attacker.read(ATTACK_LBA, 512, { initiatorTaskTag });
    Buffer.from(lunField, 'hex').copy(pdu, 8);
    attacker.send(pdu);
    const answer = await attacker.raw.nextPdu(5_000);
    assert.is(answer.view.getUint32(16), initiatorTaskTag, lunField);
  }
});

attack(scene, 'task management of tasks and LUNs that are not there says so (RFC 7143 §11.6.1)', async () => {
  const attacker = await scene.login();
  const { taskDoesNotExist, lunDoesNotExist, functionNotSupported } = TaskManagementResponse;
  const { abortTask, abortTaskSet, logicalUnitReset } = TaskManagementFunction;
  for (const [fields, response] of [
    // A RefCmdSN beyond the window: the task can neither be here nor on its way.
    [{ function: abortTask, referencedTaskTag: 0x4242, refCmdSN: attacker.cmdSN + 0x10000 }, taskDoesNotExist],
    [{ function: abortTask, referencedTaskTag: 0xffffffff, refCmdSN: attacker.cmdSN + 0x10000 }, taskDoesNotExist],
    [{ function: abortTaskSet, lun: ABSENT_LUN }, lunDoesNotExist],
    [{ function: logicalUnitReset, lun: ABSENT_LUN }, lunDoesNotExist],
    [{ function: 0 }, functionNotSupported],
    [{ function: 0x7f }, functionNotSupported],
  ] as const) {
    attacker.send(attacker.taskManagement(fields));
    const answer = await attacker.expect(Opcode.taskManagementResponse);
    assert.is(answer.view.getUint8(2), response, `function ${fields.function}`);
  }
  await attacker.expectServed(ATTACK_LBA);
});

attack(scene, 'text that never ends is rejected after its bound, again and again (RFC 7143 §6.2, §11.10.2)', async () => {
  const attacker = await scene.login();
  const part = Buffer.from('X-com.example.flood=', 'latin1');
  for (let negotiation = 0; negotiation < 3; negotiation++) {
    const initiatorTaskTag = attacker.takeTag();
    let targetTransferTag = 0xffffffff;
    let count = 0;
    for (;;) {
      attacker.send(attacker.text(part, { initiatorTaskTag, targetTransferTag, final: false, continue: true }));
      const pdu = await attacker.raw.nextPdu(5_000);
      count++;
      if (pdu.opcode === Opcode.reject) break;
      assert.is(pdu.opcode, Opcode.textResponse);
      targetTransferTag = pdu.view.getUint32(20);
      assert.ok(count <= 64, 'the negotiation is bounded');
    }
  }
  // Large parts hit the bound of bytes before that of requests.
  const initiatorTaskTag = attacker.takeTag();
  attacker.send(attacker.text(Buffer.alloc(200_000, 0x41), { initiatorTaskTag, final: false, continue: true }));
  assert.is((await attacker.raw.nextPdu(5_000)).opcode, Opcode.reject);
  attacker.send(attacker.text(Buffer.from('SendTargets=\0')));
  assert.ok((await attacker.raw.nextPdu(5_000)).data.toString().startsWith('TargetName='));
});

attack(scene, 'a Text Request with a Target Transfer Tag that was never given is rejected (RFC 7143 §11.10.4)', async () => {
  const attacker = await scene.login();
  const pdu = attacker.text(Buffer.from('SendTargets=All\0'), { targetTransferTag: 0x12345678 });
  attacker.send(pdu);
  await attacker.expectReject(RejectReason.invalidPduField, pdu);
  await attacker.expectServed(ATTACK_LBA);
});

attack(scene, 'a session for discovery has no commands and no data (RFC 7143 §4.3)', async () => {
  const attacker = await scene.login({ sessionType: 'Discovery', targetName: undefined as never });
  for (const build of [() => attacker.testUnitReady(), () => attacker.write(ATTACK_LBA, 512, { data: Buffer.alloc(512) })]) {
    const pdu = build();
    attacker.send(pdu);
    await attacker.expectReject(RejectReason.protocolError, pdu);
  }
  const dataOut = attacker.dataOut({ initiatorTaskTag: 1, data: Buffer.alloc(512) });
  attacker.send(dataOut);
  await attacker.expectReject(RejectReason.invalidPduField, dataOut);
  attacker.send(attacker.taskManagement({ function: TaskManagementFunction.logicalUnitReset, lun: 0 }));
  assert.is((await attacker.raw.nextPdu(5_000)).opcode, Opcode.reject);
  const ping = attacker.ping(Buffer.from('ping'));
  attacker.send(ping);
  await attacker.expectReject(RejectReason.protocolError, ping);
  attacker.send(attacker.text(Buffer.from('SendTargets=All\0')));
  assert.is((await attacker.raw.nextPdu(5_000)).opcode, Opcode.textResponse);
});

attack(scene, 'what follows a Logout Request is not looked at (RFC 7143 §11.14)', async () => {
  for (const lun of LUNS) {
    const witness = await scene.login();
    await witness.expectServed(ATTACK_LBA, lun);
    const before = await readBlock(witness, lun);
    const attacker = await scene.login();
    attacker.send(
      attacker.logout(),
      attacker.write(ATTACK_LBA, 512, { lun, data: Buffer.alloc(512, before + 1) }),
      attacker.ping(Buffer.from('after')),
      attacker.logout(),
      Buffer.alloc(100_000, 0xff),
    );
    await attacker.expectClose(Opcode.logoutResponse);
    assert.is(await readBlock(witness, lun), before, 'the write behind the logout was not executed');
    witness.destroy();
  }
});

attack(scene, 'a Logout Request that comes early ends the connection in its turn, before what comes behind it (RFC 7143 §4.2.2.1)', async () => {
  const attacker = await scene.login();
  const base = attacker.cmdSN;
  attacker.send(
    attacker.ping(Buffer.from('behind'), { cmdSN: base + 2 }),
    attacker.testUnitReady({ cmdSN: base + 3 }),
    attacker.logout({ immediate: false, cmdSN: base + 1 }),
  );
  await attacker.expectNothing();
  attacker.send(attacker.testUnitReady({ cmdSN: base }));
  await attacker.expectClose(Opcode.scsiResponse, Opcode.logoutResponse);
});

attack(scene, 'a logout ends writes whose data is still due, and reads that a worker has (RFC 7143 §11.14)', async () => {
  for (const lun of LUNS) {
    const attacker = await scene.login({ offers: solicitedOnly });
    attacker.send(
      attacker.write(ATTACK_LBA, 1 << 20, { lun }),
      attacker.read(ATTACK_LBA + 4096, 1 << 20, { lun: FILE_POOL_LUN }),
      attacker.read(ATTACK_LBA + 4096, 1 << 20, { lun: RAM_POOL_LUN }),
      attacker.logout(),
    );
    const pdus = await attacker.raw.expectClose(5_000);
    assert.is(pdus.at(-1)?.opcode, Opcode.logoutResponse, 'the logout is answered last');
  }
});

test.run();
