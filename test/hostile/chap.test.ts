import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Engine } from '../../engine/engine.js';
import { decodeLoginResponse, encodeLoginRequest, LoginStatus, Opcode } from '../../engine/pdu/index.js';
import { RawConnection } from '../../initiator/index.js';
import { responseTo, USER } from '../engine/login/chap-fixture.js';
import { keyValue, text } from '../engine/login/login-fixture.js';
import { seededRandom } from '../support/random.js';

const TARGET_NAME = 'iqn.2025-01.dev.lunloom:guarded';
const HOST = 'iqn.2025-01.dev.lunloom:attacker';
const ANSWER_MS_MAX = 10_000;
const MIB = 1024 * 1024;
const SECRET_VARIABLE = 'LUNLOOM_TEST_HOSTILE_SECRET';

process.env[SECRET_VARIABLE] = USER.secret;
process.env[`${SECRET_VARIABLE}_OF_TARGET`] = 'target-secret-of-the-test';
const defects: unknown[] = [];
const engine = await Engine.start(
  {
    portals: [{ address: '127.0.0.1', port: 0 }],
    targets: [
      {
        name: TARGET_NAME,
        users: [{ name: USER.name, secret: { env: SECRET_VARIABLE } }],
        mutual: { name: 'tgt', secret: { env: `${SECRET_VARIABLE}_OF_TARGET` } },
        luns: [{ lun: 0, store: { kind: 'ram', sizeBytes: MIB }, blockLengthBytes: 512, readOnly: false }],
      },
    ],
    execution: 'inline',
    workerCount: 0,
    insecure: false,
    limits: { loginFailureDelayMsMax: 0 },
  },
  { onDefect: (error) => defects.push(error) },
);
const port = engine.portals[0]?.port ?? 0;
test.after(() => engine.stop({ immediately: true }));

interface Answer {
  /** -1 when the connection was closed without an answer. */
  readonly status: number;
  readonly transit: boolean;
  readonly data: Buffer;
}

class Attacker {
  readonly #connection: RawConnection;
  private constructor(connection: RawConnection) {
    this.#connection = connection;
  }

  static async open(): Promise<Attacker> {
    return new Attacker(await RawConnection.connect('127.0.0.1', port));
  }

  write(data: Uint8Array, stages: readonly [number, number | null], more = false): void {
    const header = new Uint8Array(48);
    const [currentStage, nextStage] = stages;
    const fields = { transit: nextStage !== null, continue: more, currentStage, nextStage: nextStage ?? 0, isid: '800000000001', tsih: 0, initiatorTaskTag: 1 };
    encodeLoginRequest({ ...fields, versionMax: 0, versionMin: 0, cid: 0, cmdSN: 1, expStatSN: 1 }, data.length, new DataView(header.buffer), 0);
    this.#connection.sendPdu(header, { data });
  }

  async read(): Promise<Answer> {
    const pdu = await this.#connection.nextPdu(ANSWER_MS_MAX).catch(() => null);
    if (pdu === null) return { status: -1, transit: false, data: Buffer.alloc(0) };
    assert.is(pdu.opcode, Opcode.loginResponse);
    const { status, transit } = decodeLoginResponse(pdu.view, 0);
    return { status, transit, data: pdu.data };
  }

  send(keys: readonly string[] | Buffer, stages: readonly [number, number | null] = [0, null]): Promise<Answer> {
    this.write(Buffer.isBuffer(keys) ? keys : text(...keys), stages);
    return this.read();
  }

  /** As far as the challenge. */
  async challenge(): Promise<{ readonly identifier: number; readonly bytes: Buffer }> {
    await this.send([`InitiatorName=${HOST}`, `TargetName=${TARGET_NAME}`, 'AuthMethod=CHAP']);
    const { data } = await this.send(['CHAP_A=5']);
    return { identifier: Number(keyValue(data, 'CHAP_I')), bytes: Buffer.from((keyValue(data, 'CHAP_C') ?? '').slice(2), 'hex') };
  }

  close(): void {
    this.#connection.destroy();
  }
}

async function rightKeys(attacker: Attacker): Promise<string[]> {
  const { identifier, bytes } = await attacker.challenge();
  return [`CHAP_N=${USER.name}`, `CHAP_R=0x${responseTo(5, identifier, bytes).toString('hex')}`];
}

async function assertServes(): Promise<void> {
  const friend = await Attacker.open();
  const { status, transit } = await friend.send(await rightKeys(friend), [0, 3]);
  assert.equal([status, transit], [LoginStatus.success, true], 'who knows the secret gets in');
  friend.close();
  assert.equal(defects.splice(0), []);
}

const ZEROS = '00'.repeat(16);
/** Sent in place of the response; the class of the status is 2 for all of them, and nobody gets in. */
const TEXTS: Readonly<Record<string, (right: readonly string[]) => readonly string[] | Buffer>> = {
  'nothing right at all': () => [`CHAP_N=${USER.name}`, `CHAP_R=0x${ZEROS}`],
  'a user name of 7000 bytes': () => [`CHAP_N=${'n'.repeat(7000)}`, `CHAP_R=0x${ZEROS}`],
  'a response of 7000 bytes': () => [`CHAP_N=${USER.name}`, `CHAP_R=0x${'0'.repeat(7000)}`],
  'a challenge of 2000 bytes': (right) => [...right, 'CHAP_I=1', `CHAP_C=0x${'ab'.repeat(2000)}`],
  'a challenge in bad Base64': (right) => [...right, 'CHAP_I=1', 'CHAP_C=0b!!!!'],
  'an identifier of 40 digits': (right) => [...right, `CHAP_I=${'9'.repeat(40)}`, 'CHAP_C=0x00'],
  'a negative identifier': (right) => [...right, 'CHAP_I=-1', 'CHAP_C=0x00'],
  'the user name alone': (right) => right.slice(0, 1),
  'the response alone': (right) => right.slice(1),
  'all keys twice': (right) => [...right, ...right],
  'two users': (right) => ['CHAP_N=bob', ...right],
  'an algorithm in between': (right) => ['CHAP_A=5', ...right],
  'a null user': (right) => ['CHAP_N=', ...right.slice(1)],
  'a user name with a zero byte, which ends it': (right) => Buffer.from(`CHAP_N=${USER.name.slice(0, 2)}\0${USER.name.slice(2)}\0${right[1]}\0`, 'latin1'),
  'bytes that are no text': () => Buffer.alloc(512, 0xfe),
};
for (const [name, make] of Object.entries(TEXTS)) {
  test(`in place of a response: ${name}`, async () => {
    const attacker = await Attacker.open();
    const { status, transit } = await attacker.send(make(await rightKeys(attacker)), [0, 3]);
    assert.equal([status >> 8, transit], [2, false], status.toString(16));
    attacker.close();
    await assertServes();
  });
}

test('a response that was overheard is no good a second time, on the same connection or another', async () => {
  const victim = await Attacker.open();
  const keys = await rightKeys(victim);
  const replayer = await Attacker.open();
  await replayer.challenge();
  assert.is((await replayer.send(keys, [0, 3])).status, LoginStatus.authenticationFailure);
  assert.is((await victim.send(keys, [0, 3])).status, LoginStatus.success);
  for (const one of [victim, replayer]) one.close();
  await assertServes();
});

test('the reflection of a challenge over two connections gets nothing to log in with', async () => {
  const one = await Attacker.open();
  const other = await Attacker.open();
  const asked = await one.challenge();
  // The target is asked, on the second connection, what it asked on the first: it answers nobody who has not proved himself.
  await other.challenge();
  const answer = await other.send(
    [`CHAP_N=${USER.name}`, `CHAP_R=0x${ZEROS}`, `CHAP_I=${asked.identifier}`, `CHAP_C=0x${asked.bytes.toString('hex')}`],
    [0, 3],
  );
  assert.equal([answer.status, answer.data.length], [LoginStatus.authenticationFailure, 0]);
  for (const attacker of [one, other]) attacker.close();
  await assertServes();
});

test('a response in pieces over continued requests is put together, and one that does not end is not kept', async () => {
  const patient = await Attacker.open();
  const keys = text(...(await rightKeys(patient)));
  for (let at = 0; at < keys.length; at += 8) {
    const last = at + 8 >= keys.length;
    patient.write(keys.subarray(at, at + 8), [0, last ? 3 : null], !last);
    assert.equal((await patient.read()).status, LoginStatus.success);
  }
  patient.close();
  const endless = await Attacker.open();
  await endless.challenge();
  let status = 0;
  for (let count = 0; count < 100 && status === 0; count++) {
    endless.write(Buffer.from(`CHAP_C=0x${'00'.repeat(4000)}`).subarray(0, 8000), [0, null], true);
    ({ status } = await endless.read());
  }
  assert.is(status >> 8, 2);
  endless.close();
  await assertServes();
});

const WORDS = [
  'CHAP_A=',
  'CHAP_I=',
  'CHAP_C=',
  'CHAP_N=',
  'CHAP_R=',
  'AuthMethod=',
  '0x',
  '0b',
  '5',
  '7',
  '5,6',
  'CHAP',
  'None',
  USER.name,
  '\0',
  '=',
  ',',
  'A==',
  'ff',
] as const;

test('texts of the words of CHAP in any order never let anybody in', async () => {
  const random = seededRandom(0x10c4);
  for (let round = 0; round < 150; round++) {
    const attacker = await Attacker.open();
    if (random.below(2) === 0) await attacker.challenge();
    else await attacker.send([`InitiatorName=${HOST}`, `TargetName=${TARGET_NAME}`, 'AuthMethod=CHAP']);
    for (let step = 0; step < 4; step++) {
      const words = Array.from({ length: 1 + random.below(12) }, () => WORDS[random.below(WORDS.length)]).join('');
      const { status, transit } = await attacker.send(Buffer.from(`${words}\0`), [0, random.below(2) === 0 ? 3 : 1]);
      assert.not(transit, `seed 0x10c4, round ${round}: ${words}`);
      if (status !== 0) break;
    }
    attacker.close();
  }
  await assertServes();
});

test('when all have gone nothing is left, and the failures were counted', async () => {
  const until = performance.now() + 5000;
  while (engine.usage().connectionCount > 0 && performance.now() < until) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.is(engine.usage().connectionCount, 0);
  assert.ok(engine.logins.authenticationFailureCount > 0 && engine.logins.otherFailureCount > 0);
});

test.run();
