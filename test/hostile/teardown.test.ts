import * as net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Opcode, TaskAttribute, TaskManagementFunction, TaskManagementResponse } from '../../engine/pdu/index.js';
import { seededRandom } from '../support/random.js';
import type { HostileInitiator } from './hostile-initiator.js';
import { ATTACK_LBA, attack, FILE_POOL_LUN, RAM_INLINE_LUN, RAM_POOL_LUN, Scene, usageAtRest } from './scene.js';

const LINGER_MS = 300;
const LENGTH = 262_144;
const BLOCKS = LENGTH / 512;
const LUNS = [RAM_INLINE_LUN, FILE_POOL_LUN, RAM_POOL_LUN];

const scene = await Scene.open({ limits: { closeLingerMsMax: LINGER_MS } });
test.after(() => scene.close());

const unsolicited = { InitialR2T: 'No', ImmediateData: 'Yes' } as const;

/** Commands of all kinds on all LUNs, so that some wait, some run on workers and some are being answered. */
function mixedLoad(attacker: HostileInitiator, count: number, seed: number): Buffer[] {
  const random = seededRandom(seed);
  return Array.from({ length: count }, () => {
    const lba = ATTACK_LBA + BLOCKS * random.below(8);
    const lun = LUNS[random.below(LUNS.length)] as number;
    const attribute = [TaskAttribute.simple, TaskAttribute.simple, TaskAttribute.headOfQueue][random.below(3)] as number;
    if (random.boolean()) return attacker.read(lba, LENGTH, { lun, attribute });
    if (random.boolean()) return attacker.write(lba, LENGTH, { lun, attribute, data: Buffer.alloc(LENGTH, 0x5a) });
    return attacker.write(lba, 4 * LENGTH, { lun, attribute, data: Buffer.alloc(512, 0x5b) });
  });
}

for (const [ending, end] of [
  ['a reset', (attacker: HostileInitiator) => attacker.raw.reset()],
  ['a FIN', (attacker: HostileInitiator) => attacker.raw.wire.end()],
] as const) {
  attack(scene, `${ending} while workers are busy with the session's commands gives everything back (RFC 7143 §8.1)`, async () => {
    for (let round = 0; round < 15; round++) {
      const attacker = await scene.login({ offers: unsolicited });
      attacker.send(...mixedLoad(attacker, 40, round));
      for (let turn = 0; turn < round; turn++) await new Promise((resolve) => setImmediate(resolve));
      end(attacker);
    }
  });

  attack(scene, `${ending} in the midst of a PDU while workers are busy gives everything back`, async () => {
    for (let round = 0; round < 15; round++) {
      const attacker = await scene.login({ offers: unsolicited });
      const bytes = Buffer.concat(mixedLoad(attacker, 20, 100 + round));
      attacker.send(bytes.subarray(0, Math.floor((bytes.length * (round + 1)) / 17)));
      for (let turn = 0; turn < round; turn++) await new Promise((resolve) => setImmediate(resolve));
      end(attacker);
    }
  });
}

attack(scene, 'a session that is reinstated while workers have its commands: none of the old ones is answered or lands later (RFC 7143 §6.3.5)', async () => {
  for (const lun of LUNS) {
    for (let round = 0; round < 6; round++) {
      const isid = '80fe00000001';
      const old = await scene.login({ isid, offers: unsolicited });
      old.send(...Array.from({ length: 12 }, () => old.write(ATTACK_LBA, LENGTH, { lun, data: Buffer.alloc(LENGTH, 0x0d) })));
      const young = await scene.login({ isid, offers: unsolicited });
      const data = Buffer.alloc(LENGTH, 0xa0 + round);
      const [writeTag, readTag] = [young.takeTag(), young.takeTag()];
      young.send(young.write(ATTACK_LBA, LENGTH, { lun, data, initiatorTaskTag: writeTag }));
      await young.expectStatus(writeTag, 0);
      await old.raw.expectClose(5_000);
      await sleep(5);
      young.send(young.read(ATTACK_LBA, LENGTH, { lun, initiatorTaskTag: readTag }));
      assert.ok((await young.expectData(readTag, LENGTH)).equals(data), 'the new session reads what it wrote');
      young.destroy();
    }
  }
});

attack(scene, 'a storm of reinstatements leaves the last session alone (RFC 7143 §6.3.5)', async () => {
  const isid = '80fe00000002';
  const load = async (i: number): Promise<void> => {
    try {
      const attacker = await scene.login({ isid, offers: unsolicited });
      attacker.send(...mixedLoad(attacker, 10, 200 + i));
    } catch {
      // Reinstated by the next one before its login was through.
    }
  };
  await Promise.all(Array.from({ length: 30 }, (_, i) => load(i)));
  const last = await scene.login({ isid, offers: unsolicited });
  await last.expectServed(ATTACK_LBA + 100_000);
  assert.is(scene.engine.usage().sessionCount, 2, 'the bystander and the last');
});

attack(scene, 'every command that a worker has is aborted, one by one, and each is answered for once (RFC 7143 §11.5.1)', async () => {
  const attacker = await scene.login({ offers: unsolicited });
  for (const lun of [FILE_POOL_LUN, RAM_POOL_LUN]) {
    const tags = Array.from({ length: 40 }, () => attacker.takeTag());
    const commands = tags.map((initiatorTaskTag, i) => {
      const cmdSN = attacker.cmdSN;
      const bytes =
        i % 2 === 0
          ? attacker.write(ATTACK_LBA + (i % 4) * BLOCKS, LENGTH, { lun, initiatorTaskTag, data: Buffer.alloc(LENGTH, i) })
          : attacker.read(ATTACK_LBA, LENGTH, { lun, initiatorTaskTag });
      return { initiatorTaskTag, cmdSN, bytes };
    });
    const aborts = commands.map(({ initiatorTaskTag, cmdSN }) =>
      attacker.taskManagement({ function: TaskManagementFunction.abortTask, lun, referencedTaskTag: initiatorTaskTag, refCmdSN: cmdSN }),
    );
    attacker.send(...commands.map(({ bytes }) => bytes), ...aborts);
    const statuses = new Set<number>();
    for (let answered = 0; answered < aborts.length; ) {
      const pdu = await attacker.raw.nextPdu(5_000);
      if (pdu.opcode === Opcode.taskManagementResponse) {
        answered++;
        assert.ok([TaskManagementResponse.functionComplete, TaskManagementResponse.taskDoesNotExist].includes(pdu.view.getUint8(2) as 0));
      } else if (pdu.opcode === Opcode.scsiResponse || (pdu.view.getUint8(1) & 1) === 1) {
        const tag = pdu.view.getUint32(16);
        assert.not.ok(statuses.has(tag), 'a command is answered once');
        statuses.add(tag);
      }
    }
    await attacker.expectAlive();
    await attacker.expectServed(ATTACK_LBA, lun);
  }
});

attack(scene, 'a reset of the unit ends what runs, waits for a range and waits for an ORDERED command (SAM-5 §6.3.3)', async () => {
  const attacker = await scene.login({ offers: unsolicited });
  const lun = RAM_POOL_LUN;
  for (let round = 0; round < 10; round++) {
    attacker.send(
      ...Array.from({ length: 10 }, () => attacker.write(ATTACK_LBA, LENGTH, { lun, data: Buffer.alloc(LENGTH) })),
      attacker.write(ATTACK_LBA, LENGTH, { lun, attribute: TaskAttribute.ordered }),
      ...Array.from({ length: 10 }, () => attacker.write(ATTACK_LBA, LENGTH, { lun, data: Buffer.alloc(512), final: false })),
      attacker.taskManagement({ function: TaskManagementFunction.logicalUnitReset, lun }),
    );
    let pdu = await attacker.raw.nextPdu(5_000);
    while (pdu.opcode !== Opcode.taskManagementResponse) pdu = await attacker.raw.nextPdu(5_000);
    assert.is(pdu.view.getUint8(2), TaskManagementResponse.functionComplete);
    const usage = scene.engine.usage();
    assert.ok(usage.openTaskCount <= 1, 'nothing of it is left when the response comes');
    await attacker.expectAlive();
    // The unit attention for the reset.
    attacker.send(attacker.testUnitReady({ lun }));
    await attacker.expect(Opcode.scsiResponse);
  }
  await attacker.expectServed(ATTACK_LBA, lun);
});

attack(scene, 'data that is still arriving for a task that was reset lands in nobody’s memory (SAM-5 §6.3.3)', async () => {
  const lun = RAM_POOL_LUN;
  const length = 65_536;
  const solicited = { InitialR2T: 'Yes', ImmediateData: 'No' } as const;
  const late = await scene.login({ offers: solicited });
  const other = await scene.login({ offers: solicited });
  for (let round = 0; round < 4; round++) {
    const lateTag = late.takeTag();
    late.send(late.write(ATTACK_LBA, length, { lun, initiatorTaskTag: lateTag }));
    const lateR2T = await late.expectR2T(lateTag);
    const pdu = late.dataOut({ lun, initiatorTaskTag: lateTag, targetTransferTag: lateR2T.targetTransferTag, data: Buffer.alloc(length, 0xee) });
    late.send(pdu.subarray(0, 1000));
    await sleep(10);
    other.send(other.taskManagement({ function: TaskManagementFunction.logicalUnitReset, lun }));
    await other.expect(Opcode.taskManagementResponse);
    other.send(other.testUnitReady({ lun }));
    await other.expect(Opcode.scsiResponse);
    // The next piece of the same size is the one that the reset gave back.
    const data = Buffer.alloc(length, 0x10 + round);
    const tag = other.takeTag();
    other.send(other.write(ATTACK_LBA + 1024, length, { lun, initiatorTaskTag: tag }));
    const { targetTransferTag } = await other.expectR2T(tag);
    const half = { lun, initiatorTaskTag: tag, targetTransferTag };
    other.send(other.dataOut({ ...half, data: data.subarray(0, length / 2), final: false }));
    await other.expectAlive();
    late.send(pdu.subarray(1000));
    await late.expectAlive();
    other.send(other.dataOut({ ...half, dataSN: 1, bufferOffset: length / 2, data: data.subarray(length / 2) }));
    await other.expectStatus(tag, 0);
    const readTag = other.takeTag();
    other.send(other.read(ATTACK_LBA + 1024, length, { lun, initiatorTaskTag: readTag }));
    assert.ok((await other.expectData(readTag, length)).equals(data), 'the other session has its own data');
    late.send(late.testUnitReady({ lun }));
    await late.expect(Opcode.scsiResponse);
  }
});

/** Logs in on a socket that never closes its end, says its last words, which end the session, and floods on. */
async function halfOpen(lastWords: Buffer): Promise<void> {
  const socket = net.connect({ host: '127.0.0.1', port: scene.port, allowHalfOpen: true });
  scene.track(socket);
  socket.on('error', () => {});
  let received = 0;
  socket.on('data', (chunk) => {
    received += chunk.length;
  });
  const keys = 'InitiatorName=iqn.2025-01.dev.lunloom:half\0SessionType=Normal\0TargetName=iqn.2025-01.dev.lunloom:hostile\0';
  const login = Buffer.alloc(48 + keys.length + (-keys.length & 3));
  login.writeUInt8(0x43, 0);
  login.writeUInt8(0x87, 1);
  login.writeUInt32BE(keys.length, 4);
  login.writeUInt8(0x80, 8);
  login.writeUInt32BE(1, 24);
  login.write(keys, 48, 'latin1');
  socket.write(login);
  await until(() => received >= 48, 'the login is answered');
  await until(() => scene.engine.usage().sessionCount === usageAtRest.sessionCount + 2, 'it has a session');
  socket.write(lastWords);
  await until(() => scene.engine.usage().sessionCount === usageAtRest.sessionCount + 1, 'the session is over');
  const flood = Buffer.alloc(65_536, 0xaa);
  await until(() => {
    if (!socket.destroyed) socket.write(flood);
    return scene.engine.usage().connectionCount === usageAtRest.connectionCount + 1;
  }, 'the connection is gone');
  socket.destroy();
}

async function until(condition: () => boolean, what: string): Promise<void> {
  const end = performance.now() + 3_000;
  while (!condition()) {
    assert.ok(performance.now() < end, what);
    await sleep(10);
  }
}

attack(scene, 'an initiator that logs out and never closes its end is closed under its hands (RFC 7143 §11.14)', async () => {
  const lender = await scene.login();
  await halfOpen(lender.logout({ cmdSN: 1 }));
});

attack(scene, 'an initiator that broke the framing and never closes its end is closed under its hands (RFC 7143 §7.7)', async () => {
  const lender = await scene.login();
  await halfOpen(lender.write(0, 1 << 20, { cmdSN: 1, dataSegmentLength: 0xffffff }));
});

test.run();
