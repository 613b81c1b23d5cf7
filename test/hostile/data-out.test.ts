import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Opcode, RejectReason, TaskAttribute } from '../../engine/pdu/index.js';
import { Asc, SenseKey } from '../../engine/scsi/sense-codes.js';
import type { HostileInitiator } from './hostile-initiator.js';
import { ABSENT_LUN, ATTACK_LBA, attack, FILE_POOL_LUN, RAM_INLINE_LUN, RAM_POOL_LUN, Scene } from './scene.js';

const scene = await Scene.open();
test.after(() => scene.close());

const solicitedOnly = { InitialR2T: 'Yes', ImmediateData: 'No' } as const;
const unsolicited = { InitialR2T: 'No', ImmediateData: 'Yes' } as const;
const BURST = 65_536;
const LENGTH = 2 * BURST;
const LUNS = [RAM_INLINE_LUN, FILE_POOL_LUN];

/** What is on the medium before each broken write, to see that none of it lands. */
async function prepareMedium(attacker: HostileInitiator, lun: number): Promise<Buffer> {
  const before = Buffer.alloc(LENGTH, 0x11);
  const initiatorTaskTag = attacker.takeTag();
  attacker.send(attacker.write(ATTACK_LBA, LENGTH, { lun, initiatorTaskTag }));
  for (let offset = 0; offset < LENGTH; offset += BURST) {
    const { targetTransferTag, bufferOffset, desiredDataTransferLength } = await attacker.expectR2T(initiatorTaskTag);
    const data = before.subarray(bufferOffset, bufferOffset + desiredDataTransferLength);
    attacker.send(attacker.dataOut({ lun, initiatorTaskTag, targetTransferTag, bufferOffset, data }));
  }
  await attacker.expectStatus(initiatorTaskTag, 0);
  return before;
}

async function expectMedium(attacker: HostileInitiator, lun: number, expected: Buffer): Promise<void> {
  const initiatorTaskTag = attacker.takeTag();
  attacker.send(attacker.read(ATTACK_LBA, LENGTH, { lun, initiatorTaskTag }));
  assert.ok((await attacker.expectData(initiatorTaskTag, LENGTH)).equals(expected), 'nothing of the broken write is on the medium');
}

/** Ways to break the answer to an R2T of 64 KiB at offset 0; the last PDU ends the sequence. */
const brokenSequences: readonly (readonly [
  name: string,
  asc: number,
  build: (a: HostileInitiator, tags: { lun: number; initiatorTaskTag: number; targetTransferTag: number }) => Buffer[],
])[] = [
  ['beyond the burst', Asc.notEnoughUnsolicitedData, (a, tags) => [a.dataOut({ ...tags, data: Buffer.alloc(BURST + 512) })]],
  [
    'beyond the burst in a second PDU',
    Asc.notEnoughUnsolicitedData,
    (a, tags) => [
      a.dataOut({ ...tags, data: Buffer.alloc(BURST - 512), final: false }),
      a.dataOut({ ...tags, dataSN: 1, bufferOffset: BURST - 512, data: Buffer.alloc(1024) }),
    ],
  ],
  [
    'that overlaps what came',
    Asc.dataPhaseError,
    (a, tags) => [
      a.dataOut({ ...tags, data: Buffer.alloc(1024), final: false }),
      a.dataOut({ ...tags, dataSN: 1, bufferOffset: 512, data: Buffer.alloc(BURST - 512) }),
    ],
  ],
  [
    'that comes twice',
    Asc.dataPhaseError,
    (a, tags) => {
      const pdu = a.dataOut({ ...tags, data: Buffer.alloc(1024), final: false });
      return [pdu, pdu, a.dataOut({ ...tags, dataSN: 2, bufferOffset: 1024, data: Buffer.alloc(BURST - 1024) })];
    },
  ],
  [
    'that leaves a gap',
    Asc.dataPhaseError,
    (a, tags) => [
      a.dataOut({ ...tags, data: Buffer.alloc(1024), final: false }),
      a.dataOut({ ...tags, dataSN: 1, bufferOffset: 2048, data: Buffer.alloc(BURST - 2048) }),
    ],
  ],
  ['at an offset of 0xffffffff', Asc.dataPhaseError, (a, tags) => [a.dataOut({ ...tags, bufferOffset: 0xffffffff, data: Buffer.alloc(512) })]],
  ['with a wrong first DataSN', Asc.dataPhaseError, (a, tags) => [a.dataOut({ ...tags, dataSN: 1, data: Buffer.alloc(BURST) })]],
  [
    'with a DataSN left out',
    Asc.dataPhaseError,
    (a, tags) => [
      a.dataOut({ ...tags, data: Buffer.alloc(512), final: false }),
      a.dataOut({ ...tags, dataSN: 2, bufferOffset: 512, data: Buffer.alloc(BURST - 512) }),
    ],
  ],
  ['that ends early', Asc.notEnoughUnsolicitedData, (a, tags) => [a.dataOut({ ...tags, data: Buffer.alloc(BURST - 512) })]],
  [
    'without the F bit at its end',
    Asc.notEnoughUnsolicitedData,
    (a, tags) => [
      a.dataOut({ ...tags, data: Buffer.alloc(BURST), final: false }),
      a.dataOut({ ...tags, dataSN: 1, bufferOffset: BURST, data: Buffer.alloc(0) }),
    ],
  ],
  [
    'with a Target Transfer Tag that was never given',
    Asc.unexpectedUnsolicitedData,
    (a, tags) => [a.dataOut({ ...tags, targetTransferTag: 0x7fffffff, data: Buffer.alloc(BURST) }), a.dataOut({ ...tags, data: Buffer.alloc(BURST) })],
  ],
  [
    'that is unsolicited',
    Asc.unexpectedUnsolicitedData,
    (a, tags) => [a.dataOut({ ...tags, targetTransferTag: 0xffffffff, data: Buffer.alloc(BURST) }), a.dataOut({ ...tags, data: Buffer.alloc(BURST) })],
  ],
];
for (const [name, asc, build] of brokenSequences) {
  attack(scene, `a Data-Out ${name} ends its task with CHECK CONDITION once the sequence is over (RFC 7143 §11.7, §11.4.7.2)`, async () => {
    const attacker = await scene.login({ offers: { ...solicitedOnly, MaxBurstLength: String(BURST) } });
    for (const lun of LUNS) {
      const before = await prepareMedium(attacker, lun);
      const initiatorTaskTag = attacker.takeTag();
      attacker.send(attacker.write(ATTACK_LBA, LENGTH, { lun, initiatorTaskTag }));
      const { targetTransferTag } = await attacker.expectR2T(initiatorTaskTag);
      const pdus = build(attacker, { lun, initiatorTaskTag, targetTransferTag });
      attacker.send(...pdus);
      await attacker.expectSense(initiatorTaskTag, SenseKey.abortedCommand, asc);
      await expectMedium(attacker, lun, before);
    }
    await attacker.expectAlive();
  });
}

attack(scene, 'a Data-Out with the Target Transfer Tag of another task harms its own task only (RFC 7143 §11.7.4)', async () => {
  const attacker = await scene.login({ offers: { ...solicitedOnly, MaxBurstLength: String(BURST), MaxOutstandingR2T: '1' } });
  for (const lun of LUNS) {
    const [right, wrong] = [attacker.takeTag(), attacker.takeTag()];
    attacker.send(attacker.write(ATTACK_LBA, BURST, { lun, initiatorTaskTag: right }));
    attacker.send(attacker.write(ATTACK_LBA + 1024, BURST, { lun, initiatorTaskTag: wrong }));
    const rightR2T = await attacker.expectR2T(right);
    const wrongR2T = await attacker.expectR2T(wrong);
    attacker.send(attacker.dataOut({ lun, initiatorTaskTag: wrong, targetTransferTag: rightR2T.targetTransferTag, data: Buffer.alloc(BURST, 0x66) }));
    attacker.send(attacker.dataOut({ lun, initiatorTaskTag: wrong, targetTransferTag: wrongR2T.targetTransferTag, data: Buffer.alloc(BURST, 0x66) }));
    await attacker.expectSense(wrong, SenseKey.abortedCommand, Asc.unexpectedUnsolicitedData);
    attacker.send(attacker.dataOut({ lun, initiatorTaskTag: right, targetTransferTag: rightR2T.targetTransferTag, data: Buffer.alloc(BURST, 0x77) }));
    await attacker.expectStatus(right, 0);
    const readTag = attacker.takeTag();
    attacker.send(attacker.read(ATTACK_LBA, BURST, { lun, initiatorTaskTag: readTag }));
    assert.ok((await attacker.expectData(readTag, BURST)).equals(Buffer.alloc(BURST, 0x77)), 'the right task has its own data');
  }
});

attack(scene, 'a Data-Out for no task is rejected, whatever its size, and the connection goes on (RFC 7143 §11.7, §11.17.1)', async () => {
  const attacker = await scene.login({ offers: unsolicited });
  for (const initiatorTaskTag of [0, 0x7777, 0xffffffff]) {
    for (const length of [0, 1, 512, 262_144]) {
      const pdu = attacker.dataOut({ initiatorTaskTag, targetTransferTag: 1, data: Buffer.alloc(length) });
      attacker.send(pdu);
      await attacker.expectReject(RejectReason.invalidPduField, pdu);
    }
  }
  await attacker.expectServed(ATTACK_LBA);
});

attack(scene, 'a Data-Out for a task that was answered is rejected (RFC 7143 §11.7)', async () => {
  const attacker = await scene.login({ offers: solicitedOnly });
  for (const lun of LUNS) {
    const initiatorTaskTag = attacker.takeTag();
    attacker.send(attacker.write(ATTACK_LBA, BURST, { lun, initiatorTaskTag }));
    const { targetTransferTag } = await attacker.expectR2T(initiatorTaskTag);
    const pdu = attacker.dataOut({ lun, initiatorTaskTag, targetTransferTag, data: Buffer.alloc(BURST) });
    attacker.send(pdu);
    await attacker.expectStatus(initiatorTaskTag, 0);
    attacker.send(pdu);
    await attacker.expectReject(RejectReason.invalidPduField, pdu);
  }
  await attacker.expectAlive();
});

attack(scene, 'a Data-Out for a command that a worker has is refused, and the worker keeps slot and memory until it is done (RFC 7143 §11.7)', async () => {
  const attacker = await scene.login({ offers: solicitedOnly });
  for (const lun of [FILE_POOL_LUN, RAM_POOL_LUN]) {
    for (let round = 0; round < 20; round++) {
      const length = 1 << 20;
      const initiatorTaskTag = attacker.takeTag();
      attacker.send(attacker.write(ATTACK_LBA, length, { lun, initiatorTaskTag }));
      const pdus: Buffer[] = [];
      const { targetTransferTag } = await attacker.expectR2T(initiatorTaskTag);
      for (let offset = 0, dataSN = 0; offset < length; offset += 262_144, dataSN++) {
        const final = offset + 262_144 === length;
        pdus.push(attacker.dataOut({ lun, initiatorTaskTag, targetTransferTag, dataSN, bufferOffset: offset, data: Buffer.alloc(262_144, round), final }));
      }
      // In the same piece as what completes the write, so that the worker cannot have answered yet.
      const stray = attacker.dataOut({ lun, initiatorTaskTag, targetTransferTag, data: Buffer.alloc(64, 0xee) });
      attacker.send(...pdus, stray);
      await attacker.expectReject(RejectReason.invalidPduField, stray);
      await attacker.expectStatus(initiatorTaskTag, 0);
      const readTag = attacker.takeTag();
      attacker.send(
        attacker.read(ATTACK_LBA, length, { lun, initiatorTaskTag: readTag }),
        attacker.dataOut({ lun, initiatorTaskTag: readTag, data: Buffer.alloc(64) }),
      );
      await attacker.expect(Opcode.reject);
      assert.ok((await attacker.expectData(readTag, length)).equals(Buffer.alloc(length, round)), 'the write is whole');
    }
  }
});

for (const endsInTime of [true, false]) {
  const when = endsInTime ? 'before' : 'after';
  attack(
    scene,
    `a broken Data-Out sequence that ends ${when} its ORDERED task lets it run ends it with CHECK CONDITION (SAM-5 §8.6, RFC 7143 §11.7)`,
    async () => {
      const attacker = await scene.login({ offers: unsolicited });
      const lun = RAM_POOL_LUN;
      const [first, second] = [attacker.takeTag(), attacker.takeTag()];
      attacker.send(attacker.write(ATTACK_LBA, 512, { lun, initiatorTaskTag: first, attribute: TaskAttribute.ordered }));
      const { targetTransferTag } = await attacker.expectR2T(first);
      const rest = attacker.dataOut({ initiatorTaskTag: second, dataSN: 6, bufferOffset: 512, data: Buffer.alloc(3584) });
      attacker.send(attacker.write(ATTACK_LBA, 4096, { lun, initiatorTaskTag: second, final: false }));
      attacker.send(attacker.dataOut({ initiatorTaskTag: second, dataSN: 5, data: Buffer.alloc(512), final: false }));
      if (endsInTime) attacker.send(rest);
      await attacker.expectNothing();
      attacker.send(attacker.dataOut({ lun, initiatorTaskTag: first, targetTransferTag, data: Buffer.alloc(512) }));
      await attacker.expectStatus(first, 0);
      if (!endsInTime) attacker.send(rest);
      await attacker.expectSense(second, SenseKey.abortedCommand, Asc.dataPhaseError);
      await attacker.expectServed(ATTACK_LBA, lun);
    },
  );
}

attack(scene, 'unsolicited data beyond FirstBurstLength ends its task (RFC 7143 §13.14, §11.4.7.2)', async () => {
  const attacker = await scene.login({ offers: { ...unsolicited, FirstBurstLength: '4096' } });
  for (const lun of LUNS) {
    const initiatorTaskTag = attacker.takeTag();
    attacker.send(
      attacker.write(ATTACK_LBA, BURST, { lun, initiatorTaskTag, data: Buffer.alloc(2048), final: false }),
      attacker.dataOut({ initiatorTaskTag, bufferOffset: 2048, data: Buffer.alloc(4096) }),
    );
    await attacker.expectSense(initiatorTaskTag, SenseKey.abortedCommand, Asc.notEnoughUnsolicitedData);
    const immediateTag = attacker.takeTag();
    attacker.send(attacker.write(ATTACK_LBA, BURST, { lun, initiatorTaskTag: immediateTag, data: Buffer.alloc(8192) }));
    await attacker.expectSense(immediateTag, SenseKey.abortedCommand, Asc.unexpectedUnsolicitedData);
  }
  await attacker.expectServed(ATTACK_LBA);
});

attack(scene, 'unsolicited data that was negotiated away ends its task with 0c/0c (RFC 7143 §13.10, §13.11, §11.4.7.2)', async () => {
  const attacker = await scene.login({ offers: solicitedOnly });
  for (const lun of LUNS) {
    const immediateTag = attacker.takeTag();
    attacker.send(attacker.write(ATTACK_LBA, BURST, { lun, initiatorTaskTag: immediateTag, data: Buffer.alloc(512) }));
    await attacker.expectSense(immediateTag, SenseKey.abortedCommand, Asc.unexpectedUnsolicitedData);
    const sequenceTag = attacker.takeTag();
    attacker.send(
      attacker.write(ATTACK_LBA, BURST, { lun, initiatorTaskTag: sequenceTag, final: false }),
      attacker.dataOut({ initiatorTaskTag: sequenceTag, data: Buffer.alloc(4096), final: false }),
      attacker.dataOut({ initiatorTaskTag: sequenceTag, dataSN: 1, bufferOffset: 4096, data: Buffer.alloc(4096) }),
    );
    await attacker.expectSense(sequenceTag, SenseKey.abortedCommand, Asc.unexpectedUnsolicitedData);
  }
  const servedTag = attacker.takeTag();
  attacker.send(attacker.read(ATTACK_LBA, 512, { initiatorTaskTag: servedTag }));
  await attacker.expectData(servedTag, 512);
});

attack(scene, 'immediate data beyond the expected length is rejected (RFC 7143 §11.3.4)', async () => {
  const attacker = await scene.login({ offers: unsolicited });
  const pdu = attacker.write(ATTACK_LBA, 512, { data: Buffer.alloc(1024) });
  attacker.send(pdu);
  await attacker.expectReject(RejectReason.invalidPduField, pdu);
  await attacker.expectServed(ATTACK_LBA);
});

attack(scene, 'data for a LUN that is not there is taken and thrown away (RFC 7143 §11.7, SPC-4 "LOGICAL UNIT NOT SUPPORTED")', async () => {
  const attacker = await scene.login({ offers: unsolicited });
  for (const lun of [ABSENT_LUN, 255, 16_383]) {
    const initiatorTaskTag = attacker.takeTag();
    attacker.send(
      attacker.write(ATTACK_LBA, 1 << 20, { lun, initiatorTaskTag, data: Buffer.alloc(100_000), final: false }),
      attacker.dataOut({ initiatorTaskTag, bufferOffset: 100_000, data: Buffer.alloc(162_144) }),
    );
    await attacker.expectSense(initiatorTaskTag, SenseKey.illegalRequest, Asc.logicalUnitNotSupported);
    const readTag = attacker.takeTag();
    attacker.send(attacker.read(ATTACK_LBA, 1 << 20, { lun, initiatorTaskTag: readTag }));
    await attacker.expectSense(readTag, SenseKey.illegalRequest, Asc.logicalUnitNotSupported);
  }
  await attacker.expectServed(ATTACK_LBA);
});

attack(scene, 'data for a CDB that is refused is taken and thrown away (RFC 7143 §11.7)', async () => {
  const attacker = await scene.login({ offers: unsolicited });
  for (const lun of LUNS) {
    const initiatorTaskTag = attacker.takeTag();
    // Beyond the end of the medium.
    attacker.send(
      attacker.write(0xfffffff0, 65_536, { lun, initiatorTaskTag, data: Buffer.alloc(1000), final: false }),
      attacker.dataOut({ initiatorTaskTag, bufferOffset: 1000, data: Buffer.alloc(1000), final: false }),
      attacker.dataOut({ initiatorTaskTag, dataSN: 1, bufferOffset: 2000, data: Buffer.alloc(63_536) }),
    );
    await attacker.expectSense(initiatorTaskTag, SenseKey.illegalRequest, Asc.lbaOutOfRange);
  }
  await attacker.expectServed(ATTACK_LBA);
});

test.run();
