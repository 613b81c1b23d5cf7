import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeLoginResponse, encodeLoginRequest, type LoginResponsePdu, LoginStatus } from '../../engine/pdu/index.js';
import { RawConnection } from '../../initiator/index.js';
import { type ChapNumber, HASHES, MUTUAL, responseTo, USER } from '../engine/login/chap-fixture.js';
import { keyValue, lines, text } from '../engine/login/login-fixture.js';
import { type LunloomOptions, type LunloomProcess, withLunloom } from '../support/lunloom-process.js';
import { peerTest } from '../support/peer-test.js';
import { peerOutput, runPeer } from '../support/run-peer.js';
import { runCli } from './cli-child.js';

const GUARDED = 'iqn.2026-11.io.lunloom:guarded';
const ODD = 'iqn.2026-11.io.lunloom:odd-names';
const ELSEWHERE = 'iqn.2026-11.io.lunloom:elsewhere';
const HOST = 'iqn.2026-11.com.example:raw';
/** Names that look like binary values are names all the same. */
const HEX_NAME = '0x6c756e6c6f6f6d';
const BASE64_NAME = '0bbHVubG9vbQ==';

const folder = mkdtempSync(join(tmpdir(), 'lunloom-chap-'));
test.after(() => rmSync(folder, { recursive: true, force: true }));

function secretFile(name: string, secret: string): { readonly file: string } {
  const file = join(folder, name);
  writeFileSync(file, `${secret}\n`);
  chmodSync(file, 0o600);
  return { file };
}

const TARGETS = [
  {
    name: GUARDED,
    users: [{ name: USER.name, secret: secretFile('alice', USER.secret) }],
    mutual: { name: MUTUAL.name, secret: { env: 'LUNLOOM_TEST_SECRET' } },
    access: [{ user: USER.name, luns: [0, 2] }],
    luns: [
      { lun: 0, store: 'ram:8MiB' },
      { lun: 1, store: 'ram:16MiB' },
      { lun: 2, store: 'ram:32MiB' },
    ],
  },
  {
    name: ODD,
    users: [HEX_NAME, BASE64_NAME].map((name) => ({ name, secret: secretFile('odd', 'secret-of-odd-names') })),
    luns: [{ lun: 0, store: 'ram:8MiB' }],
  },
  { name: ELSEWHERE, access: [{ initiator: 'iqn.2026-11.com.example:nobody' }], luns: [{ lun: 0, store: 'ram:8MiB' }] },
];

const LAB: LunloomOptions = {
  env: { LUNLOOM_TEST_SECRET: MUTUAL.secret },
  config: { limits: { loginFailureDelayMsMax: 200 }, targets: TARGETS },
};

function inLab(name: string, peers: Parameters<typeof peerTest>[1], run: (lunloom: LunloomProcess) => Promise<void>): void {
  peerTest(name, peers, () => withLunloom(LAB, run));
}

/** `iscsi://user%secret@portal/target/lun`, and with the target's user and password when it has to prove itself. */
function chapUrl(lunloom: LunloomProcess, options: { user?: string; secret?: string; target?: string; lun?: number; mutual?: string } = {}): string {
  const { user = USER.name, secret = USER.secret, target = GUARDED, lun = 0, mutual } = options;
  const query = mutual === undefined ? '' : `?target_user=${MUTUAL.name}&target_password=${mutual}`;
  return `iscsi://${user}%${secret}@${lunloom.portals[0]}/${target}/${lun}${query}`;
}

inLab('iscsi-inq by CHAP, one-way and mutual', ['iscsi-inq'], async (lunloom) => {
  assert.match(await peerOutput('iscsi-inq', [chapUrl(lunloom)]), /Vendor:LUNLOOM/);
  assert.match(await peerOutput('iscsi-inq', [chapUrl(lunloom, { mutual: MUTUAL.secret })]), /Vendor:LUNLOOM/);
});

inLab('iscsi-inq by CHAP is refused: a wrong secret, an unknown user, no user; and it refuses a target with a wrong secret', ['iscsi-inq'], async (lunloom) => {
  const refused = async (url: string, why: RegExp) => {
    const { exitCode, stdout, stderr } = await runPeer('iscsi-inq', [url]);
    assert.is.not(exitCode, 0);
    assert.match(stdout + stderr, why);
  };
  await refused(chapUrl(lunloom, { secret: 'wrong-wrong-wrong' }), /Authentication failure/);
  await refused(chapUrl(lunloom, { user: 'mallory' }), /Authentication failure/);
  await refused(lunloom.url(0, GUARDED), /Authentication failure/);
  await refused(chapUrl(lunloom, { mutual: 'not-the-targets-secret' }), /Invalid CHAP_R response from the target/);
});

inLab('user names that look like hex and Base64 are names', ['iscsi-inq'], async (lunloom) => {
  for (const user of [HEX_NAME, BASE64_NAME]) {
    assert.match(await peerOutput('iscsi-inq', [chapUrl(lunloom, { user, secret: 'secret-of-odd-names', target: ODD })]), /Vendor:LUNLOOM/);
  }
});

inLab('qemu-img reads a LUN by CHAP, and no LUN that the rules mask', ['qemu-img'], async (lunloom) => {
  assert.match(await peerOutput('qemu-img', ['info', chapUrl(lunloom, { lun: 2 })]), /virtual size: 32 MiB/);
  const masked = await runPeer('qemu-img', ['info', chapUrl(lunloom, { lun: 1 })]);
  assert.is.not(masked.exitCode, 0);
});

inLab('iscsi-ls lists no target that is not for the initiator', ['iscsi-ls'], async (lunloom) => {
  const targets = await peerOutput('iscsi-ls', [lunloom.portalUrl()]);
  assert.equal(targets.match(/iqn\.2026-11\.io\.lunloom:[a-z-]+/g)?.sort(), [GUARDED, ODD]);
});

/** Discovery has users of its own, and proves itself by a secret of its own. */
const DISCOVERY = {
  users: [{ name: 'finder', secret: secretFile('finder', 'secret-of-the-finder') }],
  mutual: { name: 'portal', secret: secretFile('portal', 'secret-of-the-portal') },
};

peerTest('iscsi-ls discovers by CHAP, one-way and mutual', ['iscsi-ls'], async () => {
  await withLunloom({ ...LAB, config: { ...LAB.config, discovery: DISCOVERY } }, async (lunloom) => {
    const asFinder = `iscsi://finder%secret-of-the-finder@${lunloom.portals[0]}`;
    const expected = [GUARDED, ODD];
    const listed = (stdout: string) => stdout.match(/iqn\.2026-11\.io\.lunloom:[a-z-]+/g)?.sort();
    assert.equal(listed(await peerOutput('iscsi-ls', [asFinder])), expected);
    assert.equal(listed(await peerOutput('iscsi-ls', [`${asFinder}?target_user=portal&target_password=secret-of-the-portal`])), expected);
  });
});

peerTest('iscsi-ls discovers nothing: no user, a wrong secret, the user of a target; and it refuses a portal with a wrong secret', ['iscsi-ls'], async () => {
  await withLunloom({ ...LAB, config: { ...LAB.config, discovery: DISCOVERY } }, async (lunloom) => {
    const [portal] = lunloom.portals;
    const asFinder = `iscsi://finder%secret-of-the-finder@${portal}`;
    for (const [url, why] of [
      [`iscsi://${portal}`, /Authentication failure/],
      [`iscsi://finder%wrong-wrong-wrong@${portal}`, /Authentication failure/],
      [`iscsi://${USER.name}%${USER.secret}@${portal}`, /Authentication failure/],
      [`${asFinder}?target_user=portal&target_password=not-the-portals-secret`, /Invalid CHAP_R response from the target/],
    ] as const) {
      const { exitCode, stdout, stderr } = await runPeer('iscsi-ls', [url]);
      assert.is.not(exitCode, 0, url);
      assert.match(stdout + stderr, why);
      assert.not.match(stdout, 'iqn.2026-11');
    }
  });
});

peerTest('targets that want CHAP are discovered without it when discovery has no users', ['iscsi-ls'], async () => {
  const targets = TARGETS.slice(0, 1);
  await withLunloom({ ...LAB, config: { ...LAB.config, targets } }, async (lunloom) => {
    assert.match(await peerOutput('iscsi-ls', [lunloom.portalUrl()]), `Target:${GUARDED} `);
  });
});

inLab('iscsi-readcapacity16 and iscsi-perf by CHAP, one-way and mutual', ['iscsi-readcapacity16', 'iscsi-perf'], async (lunloom) => {
  for (const options of [{}, { mutual: MUTUAL.secret }]) {
    assert.match(await peerOutput('iscsi-readcapacity16', [chapUrl(lunloom, { ...options, lun: 2 })]), /Total size:33554432/);
    const perf = await peerOutput('iscsi-perf', ['-t', '1', '-r', '-m', '8', '-b', '8', chapUrl(lunloom, options)]);
    assert.match(perf, /^finished\.$/m);
    assert.ok(Number(/\riops average (\d+) \(/.exec(perf)?.[1]) > 0);
  }
});

peerTest('iscsi-ls -s by CHAP lists the LUNs that the rules let the user see', ['iscsi-ls'], async () => {
  // The tool logs in to every target that it is told of as the same user, and ends at the first that does not know him.
  const targets = TARGETS.filter((target) => target.name !== ODD);
  await withLunloom({ ...LAB, config: { ...LAB.config, targets } }, async (lunloom) => {
    const stdout = await peerOutput('iscsi-ls', ['-s', `iscsi://${USER.name}%${USER.secret}@${lunloom.portals[0]}`]);
    assert.equal(
      stdout
        .split('\n')
        .filter((line) => line.startsWith('Lun:'))
        .map((line) => line.slice(0, 5)),
      ['Lun:0', 'Lun:2'],
    );
  });
});

/** Logs in by hand, text by text. */
class RawLogin {
  readonly #connection: RawConnection;
  private constructor(connection: RawConnection) {
    this.#connection = connection;
  }

  static async open(lunloom: LunloomProcess, portalIndex = 0): Promise<RawLogin> {
    const [address = '', port = ''] = (lunloom.portals[portalIndex] ?? '').split(':');
    return new RawLogin(await RawConnection.connect(address, Number(port)));
  }

  async send(currentStage: number, nextStage: number | null, keys: readonly string[]): Promise<{ readonly response: LoginResponsePdu; readonly data: Buffer }> {
    const header = new Uint8Array(48);
    const data = text(...keys);
    const fields = {
      transit: nextStage !== null,
      continue: false,
      currentStage,
      nextStage: nextStage ?? 0,
      isid: '800000000001',
      tsih: 0,
      initiatorTaskTag: 1,
    };
    encodeLoginRequest({ ...fields, versionMax: 0, versionMin: 0, cid: 0, cmdSN: 1, expStatSN: 1 }, data.length, new DataView(header.buffer), 0);
    this.#connection.sendPdu(header, { data });
    const pdu = await this.#connection.nextPdu(10_000);
    return { response: decodeLoginResponse(pdu.view, 0), data: pdu.data };
  }

  /** As far as the target's answer to the response. */
  async byChap(
    number: ChapNumber,
    options: { secret?: string; base64?: boolean } = {},
  ): Promise<{ readonly response: LoginResponsePdu; readonly data: Buffer }> {
    await this.send(0, null, [`InitiatorName=${HOST}`, `TargetName=${GUARDED}`, 'SessionType=Normal', 'AuthMethod=CHAP,None']);
    const challenge = await this.send(0, null, [`CHAP_A=${number}`]);
    assert.is(keyValue(challenge.data, 'CHAP_A'), String(number));
    const bytes = Buffer.from((keyValue(challenge.data, 'CHAP_C') ?? '').slice(2), 'hex');
    const response = responseTo(number, Number(keyValue(challenge.data, 'CHAP_I')), bytes, options.secret);
    const write = (value: Buffer) => (options.base64 === true ? `0b${value.toString('base64')}` : `0x${value.toString('hex')}`);
    return this.send(0, 3, [`CHAP_N=${USER.name}`, `CHAP_R=${write(response)}`, 'CHAP_I=0x11', `CHAP_C=${write(Buffer.alloc(24, 0x77))}`]);
  }

  close(): void {
    this.#connection.destroy();
  }
}

test('mutual CHAP over TCP with every algorithm, in hex and in Base64', () =>
  withLunloom(LAB, async (lunloom) => {
    for (const number of [5, 6, 7, 8] as const) {
      for (const base64 of [false, true]) {
        const login = await RawLogin.open(lunloom);
        const { response, data } = await login.byChap(number, { base64 });
        assert.equal([response.status, response.transit, response.nextStage], [LoginStatus.success, true, 3], HASHES[number]);
        assert.is(keyValue(data, 'CHAP_N'), MUTUAL.name);
        assert.is(keyValue(data, 'CHAP_R'), `0x${responseTo(number, 0x11, Buffer.alloc(24, 0x77), MUTUAL.secret).toString('hex')}`);
        login.close();
      }
    }
  }));

test('failed logins are answered 0x0201 and slow down the next ones', () =>
  withLunloom(LAB, async (lunloom) => {
    const startedAt = performance.now();
    for (let count = 0; count < 4; count++) {
      const login = await RawLogin.open(lunloom);
      const { response, data } = await login.byChap(7, { secret: 'wrong-wrong-wrong' });
      assert.equal([response.status, lines(data)], [LoginStatus.authenticationFailure, []]);
      login.close();
    }
    // 100, 200 and 200 milliseconds between them.
    assert.ok(performance.now() - startedAt >= 490);
  }));

test('redirections by target and by portal, temporary and permanent', () => {
  const redirects = [
    { target: ELSEWHERE, to: '192.0.2.9:3260', permanent: true },
    { portal: '127.0.0.2:0', to: 'other.example.com' },
  ];
  const targets = [{ name: GUARDED, luns: [{ lun: 0, store: 'ram:8MiB' }] }];
  const options = { portals: [], config: { portals: ['127.0.0.1:0', '127.0.0.2:0'], targets, redirects } };
  return withLunloom(options, async (lunloom) => {
    const ask = async (portalIndex: number, target: string) => {
      const login = await RawLogin.open(lunloom, portalIndex);
      const { response, data } = await login.send(0, 3, [`InitiatorName=${HOST}`, `TargetName=${target}`, 'AuthMethod=None']);
      login.close();
      return [response.status, keyValue(data, 'TargetAddress')];
    };
    assert.equal(await ask(0, ELSEWHERE), [LoginStatus.targetMovedPermanently, '192.0.2.9:3260']);
    assert.equal(await ask(1, GUARDED), [LoginStatus.targetMovedTemporarily, 'other.example.com:3260']);
    assert.equal(await ask(0, GUARDED), [LoginStatus.success, undefined]);
  });
});

peerTest('iscsi-inq follows a redirection to another engine', ['iscsi-inq'], async () => {
  const luns = [{ lun: 0, store: 'ram:8MiB', product: 'MOVED-HERE' }];
  await withLunloom({ config: { targets: [{ name: GUARDED, luns }] } }, (there) => {
    const config = { targets: TARGETS.slice(2), redirects: [{ target: GUARDED, to: there.portals[0] }] };
    return withLunloom({ config }, async (here) => {
      assert.match(await peerOutput('iscsi-inq', [here.url(0, GUARDED)]), /Product:MOVED-HERE/);
    });
  });
});

peerTest('--chap-user asks for CHAP; its secret comes from a file or the environment', ['iscsi-inq'], async () => {
  const { file } = secretFile('cli', 'secret-of-the-cli-user');
  const lunArgs = ['--lun', '0=ram:8MiB', '--chap-user', 'carol'];
  const check = async (lunloom: LunloomProcess) => {
    const target = lunloom.targetName;
    assert.match(await peerOutput('iscsi-inq', [chapUrl(lunloom, { user: 'carol', secret: 'secret-of-the-cli-user', target })]), /Vendor:LUNLOOM/);
    assert.is.not((await runPeer('iscsi-inq', [lunloom.url()])).exitCode, 0);
    assert.not.match(JSON.stringify(lunloom.events), 'secret-of');
  };
  await withLunloom({ args: [...lunArgs, '--chap-secret-file', file] }, check);
  await withLunloom({ args: [...lunArgs, '--chap-secret-env', 'LUNLOOM_CLI_SECRET'], env: { LUNLOOM_CLI_SECRET: 'secret-of-the-cli-user' } }, check);
});

test('a secret that others may read ends the start with exit code 3 and a line that says what to do', async () => {
  const { file } = secretFile('open', 'secret-of-the-open-file');
  chmodSync(file, 0o644);
  const { exitCode, stdout, stderr } = await runCli(['serve', '--portal', '127.0.0.1:0', '--chap-user', 'carol', '--chap-secret-file', file]);
  assert.equal([exitCode, stdout], [3, '']);
  assert.match(stderr, /^lunloom: --chap-secret-file .*others than its owner may use the file \(mode 0644\); chmod 600 it\n$/);
});

test.run();
