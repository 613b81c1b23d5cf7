// test-timeout: 240 s
import { test } from 'uvu';
import { TaskAttribute, TaskManagementFunction } from '../../engine/pdu/index.js';
import { framePdu } from '../../initiator/index.js';
import { type SeededRandom, seededRandom } from '../support/random.js';
import { HostileInitiator } from './hostile-initiator.js';
import { mutateBytes, mutateOrder, mutatePdu, type Pdu, takeApart } from './mutations.js';
import { ATTACK_LBA, FILE_POOL_LUN, RAM_INLINE_LUN, RAM_POOL_LUN, Scene, TARGET_NAME } from './scene.js';

/** `LUNLOOM_FUZZ_SEED` runs the same streams again, `LUNLOOM_FUZZ_COUNT` more or fewer of them. */
const SEED = Number(process.env['LUNLOOM_FUZZ_SEED'] ?? Date.now() % 1_000_000);
const STREAM_COUNT = Number(process.env['LUNLOOM_FUZZ_COUNT'] ?? 3_000);
const LOGIN_COUNT = Math.ceil(STREAM_COUNT / 3);
const AT_ONCE = 12;
const CLOSE_MS_MAX = 10_000;
const LUNS = [RAM_INLINE_LUN, FILE_POOL_LUN, RAM_POOL_LUN];

console.log(`mutation: seed ${SEED}, ${STREAM_COUNT} streams`);

/**
 * Valid PDUs of every kind, in an order in which they all have an effect. Target Transfer Tags are guessed: a connection
 * counts them from 1, and unit attentions were not taken, so that some commands end early.
 */
function validStream(a: HostileInitiator, random: SeededRandom): Buffer[] {
  const lun = LUNS[random.below(LUNS.length)] as number;
  const attribute = [TaskAttribute.simple, TaskAttribute.ordered, TaskAttribute.headOfQueue][random.below(3)] as number;
  const lba = ATTACK_LBA + 64 * random.below(16);
  const [solicited, unsolicited, aborted] = [a.takeTag(), a.takeTag(), a.takeTag()];
  const data = Buffer.from(random.bytes(16_384));
  const ahs = Buffer.from('000501005a5a5a5a', 'hex');
  const dataOut = { lun, initiatorTaskTag: solicited, targetTransferTag: 1 };
  return [
    a.testUnitReady({ lun }),
    a.write(lba, 2048, { lun, attribute, data: data.subarray(0, 2048), ahs }),
    a.write(lba, 16_384, { lun, initiatorTaskTag: solicited }),
    a.dataOut({ ...dataOut, data: data.subarray(0, 8192), final: false }),
    a.dataOut({ ...dataOut, dataSN: 1, bufferOffset: 8192, data: data.subarray(8192) }),
    a.write(lba + 32, 16_384, { lun, attribute, initiatorTaskTag: unsolicited, data: data.subarray(0, 1000), final: false }),
    a.dataOut({ initiatorTaskTag: unsolicited, bufferOffset: 1000, data: data.subarray(1000) }),
    a.read(lba, 65_536, { lun, attribute }),
    a.write(lba + 64, 1 << 20, { lun, initiatorTaskTag: aborted }),
    a.taskManagement({
      function: [TaskManagementFunction.abortTask, TaskManagementFunction.logicalUnitReset][random.below(2)] as number,
      lun,
      referencedTaskTag: aborted,
    }),
    a.text(Buffer.from('SendTargets=All\0')),
    a.ping(data.subarray(0, random.below(3000))),
    a.read(lba, 512, { lun, cmdSN: a.cmdSN + 1 }),
    ...(random.boolean() ? [a.logout()] : []),
  ];
}

function frame({ header, ahs, data }: Pdu, digests: boolean): Buffer {
  return framePdu(header, { ahs, data, headerDigest: digests, dataDigest: digests });
}

/** One stream: logs in, says something nearly right, in pieces, and leaves. */
async function attackOnce(port: number, seed: number): Promise<void> {
  const random = seededRandom(seed);
  const digests = random.below(4) === 0;
  const attacker = await HostileInitiator.connect(port);
  // Built before the login, so without digests; framed again with those that hold.
  const pdus = validStream(attacker, random).map(takeApart);
  const name = digests ? ('CRC32C' as const) : ('None' as const);
  const offers = { InitialR2T: random.boolean() ? 'No' : 'Yes', MaxBurstLength: random.boolean() ? '16384' : '262144' };
  await attacker.raw.login({ targetName: TARGET_NAME, initiatorName: 'iqn.2025-01.dev.lunloom:fuzz', digests: { header: name, data: name }, offers });
  for (let i = random.below(3); i >= 0; i--) {
    if (random.below(4) === 0) mutateOrder(pdus, random);
    else if (pdus.length > 0) mutatePdu(pdus[random.below(pdus.length)] as Pdu, random);
  }
  let bytes: Buffer = Buffer.concat(pdus.map((pdu) => frame(pdu, digests)));
  if (random.below(4) === 0) bytes = mutateBytes(bytes, random);
  for (let at = 0; at < bytes.length && !attacker.raw.isClosed; ) {
    const end = random.boolean() ? bytes.length : at + 1 + random.below(20_000);
    attacker.raw.sendBytes(bytes.subarray(at, end));
    at = end;
    if (random.boolean()) await new Promise((resolve) => setImmediate(resolve));
  }
  if (attacker.raw.isClosed) return;
  if (random.below(8) === 0) attacker.raw.reset();
  else attacker.raw.wire.end();
  await attacker.raw.expectClose(CLOSE_MS_MAX);
}

/** A login that is nearly right. */
async function attackLogin(port: number, seed: number): Promise<void> {
  const random = seededRandom(seed);
  const attacker = await HostileInitiator.connect(port);
  const identity = `InitiatorName=iqn.2025-01.dev.lunloom:fuzz\0SessionType=Normal\0TargetName=${TARGET_NAME}\0`;
  const operational = 'InitialR2T=No\0MaxBurstLength=65536\0HeaderDigest=None,CRC32C\0';
  const request = (currentStage: number, nextStage: number, text: string): Pdu => {
    const header = Buffer.alloc(48);
    header.writeUInt8(0x43, 0);
    header.writeUInt8(0x80 | (currentStage << 2) | nextStage, 1);
    header.writeUIntBE(text.length, 5, 3);
    header.writeUInt8(0x80, 8);
    header.writeUInt32BE(seed, 9);
    header.writeUInt32BE(1, 24);
    return { header, ahs: Buffer.alloc(0), data: Buffer.from(text, 'latin1') };
  };
  const pdus = random.boolean() ? [request(1, 3, identity + operational)] : [request(0, 1, `${identity}AuthMethod=None\0`), request(1, 3, operational)];
  const mutated = pdus[random.below(pdus.length)] as Pdu;
  if (random.boolean()) mutatePdu(mutated, random);
  else if (mutated.data.length > 0) mutated.data.writeUInt8(random.below(256), random.below(mutated.data.length));
  pdus.push(takeApart(attacker.testUnitReady()), takeApart(attacker.ping(Buffer.from('fuzz'))));
  let bytes: Buffer = Buffer.concat(pdus.map((pdu) => frame(pdu, false)));
  if (random.below(4) === 0) bytes = mutateBytes(bytes, random);
  attacker.raw.sendBytes(bytes);
  attacker.raw.wire.end();
  await attacker.raw.expectClose(CLOSE_MS_MAX);
}

/** Runs `count` streams from the seed, some at once; the first fault names the seed of its stream. */
async function fuzz(scene: Scene, count: number, once: (port: number, seed: number) => Promise<void>): Promise<void> {
  let next = 0;
  async function lane(): Promise<void> {
    while (next < count && scene.defects.length === 0) {
      const seed = (SEED + 7919 * next++) >>> 0;
      try {
        await once(scene.port, seed);
      } catch (error) {
        // The target closes whenever it likes; what it must not do is to keep the connection of one that has left.
        const code = (error as { code?: string }).code;
        if (code === 'CLOSE_TIMEOUT' || code === 'TARGET_VIOLATION' || code === undefined)
          throw new Error(`stream seed ${seed}: ${(error as Error).message}`, { cause: error });
      }
      if (scene.defects.length > 0)
        throw new Error(`a defect at or before stream seed ${seed} (LUNLOOM_FUZZ_SEED=${SEED}): ${String((scene.defects[0] as Error).stack)}`);
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
}

const scene = await Scene.open({ bystanderApart: true, limits: { nopInIntervalMs: 600_000 }, attackMsMax: 120_000 });
test.after(() => scene.close());

test(`${STREAM_COUNT} streams that are nearly right find no defect and hold nothing (seed ${SEED})`, () =>
  scene.endure(() => fuzz(scene, STREAM_COUNT, attackOnce)));

test(`${LOGIN_COUNT} logins that are nearly right find no defect and hold nothing (seed ${SEED})`, () =>
  scene.endure(() => fuzz(scene, LOGIN_COUNT, attackLogin)));

test.run();
