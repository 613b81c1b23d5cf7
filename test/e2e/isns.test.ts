import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { peerPath } from '../support/debian-packages.js';
import { LunloomProcess } from '../support/lunloom-process.js';
import { peerTest } from '../support/peer-test.js';
import { peerOutput, runPeer } from '../support/run-peer.js';

// The targets as Open-iSNS sees them: registered by `lunloom serve`, asked for by isnsadm, each server with a folder and a port of its own.
// test-timeout: 180 s
// test-beside: it waits most of the time

const FIRST = 'iqn.2026-11.io.lunloom:first';
const SECOND = 'iqn.2026-11.io.lunloom:second';
const WAIT_MS_MAX = 20_000;

const living = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of living) child.kill('SIGKILL');
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** isnsd in the foreground with its database in memory and nobody asked for a signature. */
class IsnsServer {
  readonly port: number;
  readonly #folder = mkdtempSync(join(tmpdir(), 'lunloom-isns-'));
  readonly #periodSeconds: number;
  #child: ChildProcess | null = null;

  static async start(periodSeconds: number): Promise<IsnsServer> {
    const server = new IsnsServer(await freePort(), periodSeconds);
    await server.start();
    return server;
  }

  private constructor(port: number, periodSeconds: number) {
    this.port = port;
    this.#periodSeconds = periodSeconds;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  async start(): Promise<void> {
    const config = this.#writeConfig('isnsd.conf', [
      `BindAddress = ${this.address}`,
      `PIDFile = ${join(this.#folder, 'isnsd.pid')}`,
      `RegistrationPeriod = ${this.#periodSeconds}s`,
      'DefaultDiscoveryDomain = 1',
      'SLPRegister = 0',
      'ESIRetries = 0',
    ]);
    const child = spawn(peerPath('isnsd') as string, ['-f', '-4', '-c', config], { stdio: 'ignore' });
    living.add(child);
    this.#child = child;
    await until('isnsd answers', async () => (await this.list('entities')) !== null);
  }

  async stop(): Promise<void> {
    const child = this.#child;
    if (child === null) return;
    this.#child = null;
    child.kill('SIGTERM');
    await new Promise((resolve) => (child.exitCode !== null || child.signalCode !== null ? resolve(null) : child.once('close', resolve)));
    living.delete(child);
  }

  async remove(): Promise<void> {
    await this.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Takes the entity away behind the back of its target, in whose name it speaks. */
  async forget(entity: string, targetName: string): Promise<void> {
    const config = this.#writeConfig('isnsadm.conf', [`ServerAddress = ${this.address}`], targetName);
    await peerOutput('isnsadm', ['-c', config, '--deregister', `entity-id=${entity}`]);
  }

  /** What isnsadm lists, without the indexes that the server gives out; null when it cannot ask. */
  async list(what: 'entities' | 'nodes' | 'portals' | 'portal-groups'): Promise<string[] | null> {
    const config = this.#writeConfig('isnsadm.conf', [`ServerAddress = ${this.address}`]);
    const { exitCode, stdout } = await runPeer('isnsadm', ['-c', config, '--list', what]);
    if (exitCode !== 0) return null;
    const lines = stdout.split('\n').map((line) => /^ {2}[0-9a-f]{4} +\w+ +: (.*)$/.exec(line)?.[1]);
    return lines.filter((line) => line !== undefined && !/index|Timestamp/.test(line)) as string[];
  }

  #writeConfig(name: string, lines: readonly string[], sourceName = 'iqn.2026-11.io.lunloom:isns-test'): string {
    const path = join(this.#folder, name);
    const common = [`SourceName = ${sourceName}`, 'HostName = localhost', 'Security = 0'];
    writeFileSync(path, [...common, ...lines, ''].join('\n'));
    return path;
  }
}

async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + WAIT_MS_MAX;
  while (!(await condition())) {
    assert.ok(performance.now() < end, `waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

const TARGETS = [
  { name: FIRST, alias: 'the first disk', luns: [{ lun: 0, store: 'ram:8MiB' }] },
  { name: SECOND, 'portal-groups': [7], luns: [{ lun: 0, store: 'ram:8MiB' }] },
];

function serve(server: IsnsServer, refreshSeconds = 1): Promise<LunloomProcess> {
  const isns = { server: server.address, entity: 'laboratory', 'refresh-seconds': refreshSeconds };
  return LunloomProcess.start({ portals: [], config: { portals: ['127.0.0.1:0', '127.0.0.1:0,7'], control: 'off', isns, targets: TARGETS } });
}

const isKnown = async (server: IsnsServer) => (await server.list('nodes'))?.includes(`iSCSI name = "${FIRST}"`) === true;
const isUnknown = async (server: IsnsServer) => (await server.list('entities'))?.length === 0;

function withServer(name: string, periodSeconds: number, run: (server: IsnsServer) => Promise<void>): void {
  peerTest(name, ['isnsd', 'isnsadm'], async () => {
    const server = await IsnsServer.start(periodSeconds);
    try {
      await run(server);
    } finally {
      await server.remove();
    }
  });
}

withServer('Open-iSNS learns of the entity, its nodes, portals and portal groups, and forgets them at the stop', 600, async (server) => {
  const lunloom = await serve(server);
  await until('registered', () => isKnown(server));
  assert.ok((await server.list('entities'))?.includes('Entity identifier = "laboratory"'));
  assert.ok((await server.list('entities'))?.includes('Entity protocol = iSCSI (2)'));
  assert.equal(await server.list('nodes'), [
    `iSCSI name = "${FIRST}"`,
    'iSCSI node type = Target',
    'iSCSI alias = "the first disk"',
    `iSCSI name = "${SECOND}"`,
    'iSCSI node type = Target',
  ]);
  const ports = lunloom.portals.map((portal) => portal.slice(portal.lastIndexOf(':') + 1));
  const portals = (await server.list('portals')) ?? [];
  assert.equal(portals.filter((line) => line.startsWith('Portal TCP/UDP port')).sort(), ports.map((port) => `Portal TCP/UDP port = ${port}/tcp`).sort());
  const groups = ((await server.list('portal-groups')) ?? []).join('\n');
  const group = (name: string, port: string | undefined, tag: string) =>
    [`Portal group name = "${name}"`, 'Portal group address = 127.0.0.1', `Portal group port = ${port}/tcp`, `Portal group tag = ${tag}`].join('\n');
  for (const expected of [group(FIRST, ports[0], '1'), group(FIRST, ports[1], '7'), group(SECOND, ports[1], '7')]) assert.ok(groups.includes(expected), groups);
  assert.not.ok(groups.includes(group(SECOND, ports[0], '1')), 'the second target is not reached by the first portal');
  assert.equal([(await lunloom.stop()).exitCode, lunloom.stderr], [0, '']);
  assert.equal(await server.list('entities'), []);
  assert.equal(await server.list('nodes'), []);
});

withServer('a registration outlives its period as long as the target runs, and no longer when it is killed', 4, async (server) => {
  const lunloom = await serve(server, 60);
  await until('registered', () => isKnown(server));
  await new Promise((resolve) => setTimeout(resolve, 9000));
  assert.ok(await isKnown(server), 'refreshed within the period that the server granted, not the one of the configuration');
  await lunloom.kill();
  await until('expired', () => isUnknown(server));
});

withServer('an entity that somebody deregisters is registered again at the next refresh', 600, async (server) => {
  const lunloom = await serve(server, 5);
  await until('registered', () => isKnown(server));
  await server.forget('laboratory', FIRST);
  assert.ok(await isUnknown(server));
  await until('registered again', () => isKnown(server));
  assert.is((await lunloom.stop()).exitCode, 0);
  assert.is(lunloom.stderr, '');
});

withServer('a server that restarts is told again', 600, async (server) => {
  const lunloom = await serve(server);
  await until('registered', () => isKnown(server));
  await server.stop();
  await server.start();
  await until('registered again', () => isKnown(server));
  await lunloom.stop();
  assert.ok(await isUnknown(server));
  assert.match(lunloom.stderr, /cannot be used: it closed the connection; trying again\n.*the targets are registered/);
});

withServer('--isns: a target starts and serves without its iSNS server, and registers when that comes', 600, async (server) => {
  await server.stop();
  const lunloom = await LunloomProcess.start({ args: ['--isns', server.address, '--target', FIRST, '--lun', '0=ram:8MiB'] });
  assert.is(lunloom.targetName, FIRST);
  await until('complained', () => Promise.resolve(/cannot be used: ECONNREFUSED; trying again/.test(lunloom.stderr)));
  await server.start();
  await until('registered', () => isKnown(server));
  assert.is((await lunloom.stop()).exitCode, 0);
  assert.ok(await isUnknown(server));
});

test.run();
