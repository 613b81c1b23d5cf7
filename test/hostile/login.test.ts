import * as net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeLoginRequest, encodeTextData, LoginStage, LoginStatus, Opcode } from '../../engine/pdu/index.js';
import { framePdu, LogicalUnitClient, Session } from '../../initiator/index.js';
import { EngineProcess } from './engine-process.js';
import type { HostileInitiator } from './hostile-initiator.js';
import { attack, Scene, TARGET_NAME, usageAtRest } from './scene.js';

const LOGIN_MS_MAX = 1_500;
const TICK_MS = 1_000;
const PENDING_COUNT_MAX = 64;
const CONNECTION_COUNT = 1_000;
const MIB = 1024 * 1024;
/** Each sends 52 KiB of text and has a send block of 32 KiB and a cursor: kept, they would cost 250 MiB; what the collector has not yet looked at is less. */
const HALF_LOGIN_COUNT = 2500;
const HALF_LOGIN_RSS_BYTES_MAX = 192 * MIB;

const scene = await Scene.open({ limits: { loginTimeMsMax: LOGIN_MS_MAX, loginPendingCountMax: PENDING_COUNT_MAX, closeLingerMsMax: 500 } });
test.after(() => scene.close());

interface RequestFields {
  readonly transit?: boolean;
  readonly continue?: boolean;
  readonly stages?: readonly [current: number, next: number];
  readonly versionMin?: number;
  readonly tsih?: number;
  readonly cid?: number;
}

function request(data: Uint8Array, fields: RequestFields = {}): Buffer {
  const header = Buffer.alloc(48);
  const [currentStage, nextStage] = fields.stages ?? [LoginStage.loginOperationalNegotiation, LoginStage.fullFeaturePhase];
  const { transit = true, continue: more = false, versionMin = 0, tsih = 0, cid = 0 } = fields;
  const identity = { isid: '80fedcba9876', tsih, initiatorTaskTag: 7, cid, cmdSN: 1, expStatSN: 0 };
  const pdu = { transit, continue: more, currentStage, nextStage, versionMax: 0, versionMin, ...identity };
  encodeLoginRequest(pdu, data.length, new DataView(header.buffer, header.byteOffset), 0);
  return framePdu(header, { data });
}

const names = encodeTextData([
  ['InitiatorName', 'iqn.2025-01.dev.lunloom:attacker'],
  ['SessionType', 'Normal'],
  ['TargetName', TARGET_NAME],
]);

async function expectRefusal(attacker: HostileInitiator, status: number): Promise<void> {
  const pdus = await attacker.raw.expectClose(5_000);
  const last = pdus.at(-1);
  assert.is(last?.opcode, Opcode.loginResponse);
  assert.is(last?.view.getUint16(36).toString(16), status.toString(16), 'Status-Class and Status-Detail');
}

/** Connections that only hold the line. */
class Idlers {
  readonly sockets = new Set<net.Socket>();
  closedCount = 0;

  open(port: number): void {
    const socket = net.connect({ host: '127.0.0.1', port });
    this.sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => {
      this.closedCount++;
      this.sockets.delete(socket);
    });
    socket.resume();
  }

  destroy(): void {
    for (const socket of this.sockets) socket.destroy();
  }
}

async function waitUntil(condition: () => boolean, msMax: number): Promise<boolean> {
  const until = performance.now() + msMax;
  while (!condition() && performance.now() < until) await sleep(10);
  return condition();
}

attack(scene, `${CONNECTION_COUNT} connections that never log in are bounded in number, and an initiator logs in meanwhile`, async () => {
  const idlers = scene.track(new Idlers());
  let peak = 0;
  for (let opened = 0; opened < CONNECTION_COUNT; opened++) {
    idlers.open(scene.port);
    if (opened % 20 === 0) await sleep(1);
    peak = Math.max(peak, scene.engine.usage().connectionCount);
    if (opened % 250 !== 125) continue;
    const session = await Session.login({ host: '127.0.0.1', port: scene.port, targetName: TARGET_NAME, loginMsMax: 1_000 });
    const unit = new LogicalUnitClient(session, 0);
    await unit.clearUnitAttentions();
    assert.is((await unit.read(0, 1, 512)).length, 512);
    await session.logout();
  }
  assert.ok(peak <= PENDING_COUNT_MAX + 4, `${peak} connections at once`);
  assert.ok(await waitUntil(() => idlers.closedCount >= CONNECTION_COUNT - PENDING_COUNT_MAX, 3_000), 'the oldest were pushed out');
});

attack(scene, 'a connection that never logs in is bounded in time, whether it is silent or talks slowly', async () => {
  const silent = await scene.connect();
  const slow = await scene.connect();
  const negotiating = await scene.connect();
  const from = performance.now();
  const bytes = request(names);
  for (let i = 0; !silent.raw.isClosed || !slow.raw.isClosed || !negotiating.raw.isClosed; i++) {
    if (!slow.raw.isClosed) slow.send(bytes.subarray(i % 40, (i % 40) + 1));
    if (!negotiating.raw.isClosed && i < 20) negotiating.send(request(i === 0 ? names : new Uint8Array(0), { transit: false }));
    await sleep(50);
    assert.ok(performance.now() - from < LOGIN_MS_MAX + TICK_MS + 1_000, 'all were dropped in time');
  }
  assert.ok(performance.now() - from > LOGIN_MS_MAX, 'but not before their time');
});

attack(scene, 'login text with the C bit that never ends is refused after its bound of requests (RFC 7143 §6.2, §11.12.2)', async () => {
  const attacker = await scene.connect();
  const part = request(Buffer.from('X-com.example.flood='), { transit: false, continue: true });
  for (let i = 0; i < 200 && !attacker.raw.isClosed; i++) {
    attacker.send(part);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await expectRefusal(attacker, LoginStatus.initiatorError);
});

attack(scene, 'login text with the C bit that never ends is refused after its bound of bytes (RFC 7143 §6.2, §11.12.2)', async () => {
  const attacker = await scene.connect();
  const part = request(Buffer.alloc(8192, 0x41), { transit: false, continue: true });
  attacker.send(...Array.from({ length: 20 }, () => part));
  await expectRefusal(attacker, LoginStatus.initiatorError);
});

attack(scene, 'more keys than a negotiation may have are refused (RFC 7143 §6.2)', async () => {
  const attacker = await scene.connect();
  const keys = encodeTextData(Array.from({ length: 500 }, (_, i) => [`X-k${i}`, '1'] as const));
  attacker.send(request(Buffer.concat([names, keys])));
  await expectRefusal(attacker, LoginStatus.initiatorError);
});

attack(scene, 'a login that goes round in circles is refused after its bound of requests (RFC 7143 §6.3)', async () => {
  const attacker = await scene.connect();
  attacker.send(request(names, { transit: false }));
  for (let i = 0; i < 200 && !attacker.raw.isClosed; i++) {
    attacker.send(request(new Uint8Array(0), { transit: false }));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await expectRefusal(attacker, LoginStatus.initiatorError);
});

const refused: readonly (readonly [name: string, bytes: Buffer, status: number])[] = [
  ['T and C together (RFC 7143 §11.12.2)', request(names, { continue: true }), LoginStatus.initiatorError],
  ['a stage of 2 (RFC 7143 §11.12.3)', request(names, { stages: [2, 3] }), LoginStatus.initiatorError],
  ['the full-feature phase as the current stage (RFC 7143 §11.12.3)', request(names, { stages: [3, 3] }), LoginStatus.initiatorError],
  ['a step back (RFC 7143 §11.12.3)', request(names, { stages: [1, 0] }), LoginStatus.initiatorError],
  ['a version above ours (RFC 7143 §11.12.4)', request(names, { versionMin: 1 }), LoginStatus.unsupportedVersion],
  ['a TSIH that nobody has (RFC 7143 §6.3.1)', request(names, { tsih: 0xbeef }), LoginStatus.sessionDoesNotExist],
  ['no names at all (RFC 7143 §6.3)', request(new Uint8Array(0)), LoginStatus.missingParameter],
  ['text without a key (RFC 7143 §6.1)', request(Buffer.from('InitiatorName\0')), LoginStatus.initiatorError],
  ['text without an end (RFC 7143 §6.1)', request(Buffer.concat([names, Buffer.alloc(4000, 0x5a)])), LoginStatus.initiatorError],
  ['bytes that are no text (RFC 7143 §6.1)', request(Buffer.alloc(8192, 0xfe)), LoginStatus.initiatorError],
  [
    'a target that is not there (RFC 7143 §11.13.5)',
    request(Buffer.from(`${names.toString('latin1').replace(':hostile', ':nobody')}`)),
    LoginStatus.targetNotFound,
  ],
];
for (const [name, bytes, status] of refused) {
  attack(scene, `a login with ${name} is refused, and the connection closed`, async () => {
    const attacker = await scene.connect();
    attacker.send(bytes);
    await expectRefusal(attacker, status);
  });
}

attack(scene, 'a login is the last thing that is heard of a connection that was refused (RFC 7143 §11.13.5)', async () => {
  const attacker = await scene.connect();
  attacker.send(request(names, { versionMin: 1 }), request(names), attacker.testUnitReady());
  await expectRefusal(attacker, LoginStatus.unsupportedVersion);
});

attack(scene, 'a refused initiator that does not close its end is closed under its hands', async () => {
  const socket = net.connect({ host: '127.0.0.1', port: scene.port, allowHalfOpen: true });
  scene.track(socket);
  socket.on('error', () => {});
  socket.resume();
  socket.write(request(names, { versionMin: 1 }));
  const before = usageAtRest.connectionCount;
  await waitUntil(() => scene.engine.usage().connectionCount > before, 1_000);
  assert.ok(await waitUntil(() => scene.engine.usage().connectionCount === before, 3_000), 'the connection is gone');
});

test(`${HALF_LOGIN_COUNT} connections with half a login each cost a bounded amount of memory`, async () => {
  const engine = await EngineProcess.start({ limits: { loginPendingCountMax: PENDING_COUNT_MAX, loginTimeMsMax: LOGIN_MS_MAX } });
  const idlers = new Idlers();
  try {
    engine.bystander.start();
    const rest = await engine.observe();
    const half = request(Buffer.alloc(8192, 0x41), { continue: true, transit: false });
    for (let opened = 0; opened < HALF_LOGIN_COUNT; opened++) {
      idlers.open(engine.port);
      const socket = [...idlers.sockets].at(-1) as net.Socket;
      for (let i = 0; i < 6; i++) socket.write(half);
      socket.write(half.subarray(0, 4000));
      if (opened % 10 === 0) await sleep(1);
    }
    await engine.bystander.rounds(3);
    const { rssBytes, usage } = await engine.observe();
    assert.ok((usage?.connectionCount ?? 0) <= PENDING_COUNT_MAX + 2);
    assert.ok(rssBytes - rest.rssBytes < HALF_LOGIN_RSS_BYTES_MAX, `the engine grew by ${(rssBytes - rest.rssBytes) / MIB} MiB`);
    idlers.destroy();
    await engine.assertAtRest();
  } finally {
    idlers.destroy();
    await engine.stop();
  }
});

test.run();
