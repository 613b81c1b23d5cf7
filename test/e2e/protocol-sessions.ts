import { truncateSync } from 'node:fs';
import * as assert from 'uvu/assert';
import type { Engine } from '../../engine/engine.js';
import { LogoutReason, Opcode } from '../../engine/pdu/index.js';
import { Asc } from '../../engine/scsi/sense.js';
import { cdb, LogicalUnitClient, type LoginKeys, Session, type SessionOptions } from '../../initiator/index.js';
import { MUTUAL, USER } from '../engine/login/chap-fixture.js';
import { type Mischief, type PassingPdu, PduProxy } from './pdu-proxy.js';
import { bePinged, provokeReject } from './recorded-sessions.js';

export const TARGET_NAME = 'iqn.2026-11.io.lunloom:protocol';
export const GUARDED_NAME = 'iqn.2026-11.io.lunloom:guarded';
export const BLOCK = 512;
/** The LUN whose medium ends too early. */
export const BROKEN_LUN = 1;
/** Where it ends. */
export const BROKEN_LBA = 1024;
/** Bytes each way of the bidirectional commands. */
export const EXCHANGE_LENGTH = 16 * 1024;
/** Segments and bursts of the bidirectional commands: every byte out is asked for, two PDUs a burst both ways. */
export const EXCHANGE_KEYS = { initialR2T: true, immediateData: false, maxRecvDataSegmentLength: 4096, maxBurstLength: 8192, firstBurstLength: 4096 } as const;
/** Discovery sessions read this little at a time, so that an answer of several targets is continued. */
export const SHORT_TEXT_LENGTH = 512;

const RECOVERY_KEYS = { defaultTime2Wait: 0, maxRecvDataSegmentLength: 4096, maxBurstLength: 8192, firstBurstLength: 4096 } as const;
const CRC32C = { header: 'CRC32C', data: 'CRC32C' } as const;
const EVENT_SECONDS = 30;
const WAIT_MS_MAX = 10_000;

export interface Scenery {
  readonly engine: Engine;
  /** The portal that is captured. */
  readonly port: number;
  /** The file behind `BROKEN_LUN`. */
  readonly image: string;
}

type Rule = (pdu: PassingPdu) => Mischief;

/** Sessions that together need every PDU and every kind of recovery. They run one after another, so that a capture can be read in order. */
export async function recordProtocol(scenery: Scenery): Promise<void> {
  const { port } = scenery;
  await discoverMuch(port);
  await authenticate(port);
  for (const digests of [{}, { digests: CRC32C }]) await sendBothWays(port, digests);
  await readBrokenMedium(scenery);
  await manageTasks(port);
  await loseAndAskAgain(port);
  await useConnections(port);
  for (const connectionRecovery of ['reinstate', 'logout'] as const) await loseConnections(port, connectionRecovery);
  await stopWritesOfOthers(port);
  await bePinged({ host: '127.0.0.1', port, targetName: TARGET_NAME });
  await provokeReject('127.0.0.1', port, TARGET_NAME);
  await beToldOfEvents(scenery);
}

async function open(port: number, options: Partial<SessionOptions> = {}): Promise<{ session: Session; unit: LogicalUnitClient }> {
  const session = await Session.login({ host: '127.0.0.1', port, targetName: TARGET_NAME, ...options });
  const unit = new LogicalUnitClient(session, 0);
  await unit.clearUnitAttentions();
  return { session, unit };
}

/** Runs `body` over a network that misbehaves as `rule` says until it is done. */
async function overBadNetwork(port: number, body: (proxy: PduProxy) => Promise<void>): Promise<void> {
  const proxy = await PduProxy.start(port);
  try {
    await body(proxy);
  } finally {
    proxy.close();
  }
}

/** Does `what` to the next PDU of a kind, once. */
function next(direction: PassingPdu['direction'], opcode: number, what: Mischief, skip = 0): Rule {
  let seen = 0;
  return (pdu) => (pdu.direction === direction && pdu.opcode === opcode && seen++ === skip ? what : 'pass');
}

/** Waits until something is true that no promise tells. */
async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + WAIT_MS_MAX;
  while (!condition()) {
    if (performance.now() > deadline) assert.unreachable(`${what} did not happen`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

// --- Login and discovery ---------------------------------------------------------------------------------------------

/** Several targets by several portals, more than goes into one Text Response. RFC 7143 Appendix C. */
async function discoverMuch(port: number): Promise<void> {
  const discovery = await Session.login({ host: '127.0.0.1', port, keys: { maxRecvDataSegmentLength: SHORT_TEXT_LENGTH } });
  await discovery.sendTargets();
  await discovery.sendTargets(GUARDED_NAME);
  await discovery.logout();
  const { session } = await open(port);
  await session.sendTargets('');
  await session.logout();
}

async function authenticate(port: number): Promise<void> {
  const target = { name: MUTUAL.name, secret: MUTUAL.secret };
  for (const chap of [
    { ...USER, algorithms: ['MD5'], encoding: 'hex' },
    { ...USER, algorithms: ['SHA-256'], encoding: 'base64', target },
    { ...USER, algorithms: ['SHA3-256', 'SHA1'], encoding: 'hex', target },
  ] as const) {
    const { session } = await open(port, { targetName: GUARDED_NAME, chap });
    await session.logout();
  }
}

// --- Commands ----------------------------------------------------------------------------------------------------

/** Both kinds of AHS, alone and together, and data in both directions with residuals of each. */
async function sendBothWays(port: number, options: Partial<SessionOptions>): Promise<void> {
  const { session, unit } = await open(port, { ...options, keys: EXCHANGE_KEYS });
  const data = Buffer.alloc(EXCHANGE_LENGTH, 0x5a);
  await unit.write(0, data, BLOCK, { cdbLength: 32 });
  await unit.read(0, EXCHANGE_LENGTH / BLOCK, BLOCK, { cdbLength: 32 });
  await unit.xdWriteRead(0, data, BLOCK, { cdbLength: 10 });
  await unit.xdWriteRead(0, data, BLOCK, { cdbLength: 32 });
  // Four blocks each way, of which less or more is expected.
  const xdWriteRead = cdb.xdWriteReadCdb(10, 0, 4);
  for (const [outLength, inLength] of [
    [2048, 1024],
    [2048, 4096],
    [4096, 2048],
  ] as const) {
    await session.command({ lun: 0, cdb: xdWriteRead, dataOut: data.subarray(0, outLength), dataInLength: inLength });
  }
  await session.logout();
}

/** The medium is shorter than it was: what can be read comes, and then sense data. */
async function readBrokenMedium({ port, image }: Scenery): Promise<void> {
  const { session } = await open(port, { keys: { maxRecvDataSegmentLength: 4096 } });
  const unit = new LogicalUnitClient(session, BROKEN_LUN);
  await unit.clearUnitAttentions();
  truncateSync(image, BROKEN_LBA * BLOCK);
  for (const [lba, lbaCount] of [
    [BROKEN_LBA - 16, 32],
    [BROKEN_LBA + 16, 8],
  ] as const) {
    await session.command({ lun: BROKEN_LUN, cdb: cdb.readCdb(10, lba, lbaCount), dataInLength: lbaCount * BLOCK });
  }
  await session.logout();
}

/** Every task management function but TASK REASSIGN and TARGET COLD RESET. RFC 7143 §11.5.1, RFC 7144 §5.1. */
async function manageTasks(port: number): Promise<void> {
  const { session, unit } = await open(port, { keys: { protocolLevel: 2 } });
  const pending = session.submit({ lun: 0, cdb: cdb.testUnitReadyCdb() });
  await until(() => pending.isSent, 'the command');
  await session.queryTask(pending);
  await session.abortTask(pending);
  await pending.result.catch(() => {});
  await session.abortTaskSet(0);
  await session.clearTaskSet(0);
  await session.clearAca(0);
  await session.queryTaskSet(0);
  await session.logicalUnitReset(0);
  await session.queryAsynchronousEvent(0);
  await session.targetWarmReset();
  await session.itNexusReset();
  await unit.clearUnitAttentions();
  await session.logout();
}

// --- Recovery ----------------------------------------------------------------------------------------------------

/** ErrorRecoveryLevel 1: each kind of PDU is lost once, or damaged, and had again. */
async function loseAndAskAgain(port: number): Promise<void> {
  await overBadNetwork(port, async (proxy) => {
    const keys: LoginKeys = { ...RECOVERY_KEYS, errorRecoveryLevel: 1, initialR2T: true, maxOutstandingR2T: 2 };
    const { session, unit } = await open(proxy.port, { digests: CRC32C, keys });
    const data = Buffer.alloc(EXCHANGE_LENGTH, 0x3c);
    const write = async (rule: Rule): Promise<void> => {
      proxy.mischief = rule;
      await unit.write(0, data, BLOCK);
    };
    await write(next('to-target', Opcode.dataOut, 'drop'));
    await write(next('to-target', Opcode.dataOut, 'damage', 1));
    await write(next('to-initiator', Opcode.readyToTransfer, 'drop'));
    await write(next('to-initiator', Opcode.scsiResponse, 'drop'));
    for (const what of ['drop', 'damage'] as const) {
      proxy.mischief = next('to-initiator', Opcode.dataIn, what, 1);
      await unit.read(0, EXCHANGE_LENGTH / BLOCK, BLOCK);
    }
    await readInOtherSegments(session, proxy);
    await session.logout();
  });
}

/** All of a read is lost, and MaxRecvDataSegmentLength is another one by the time that it is missed: R-Data. RFC 7143 §11.16.3. */
async function readInOtherSegments(session: Session, proxy: PduProxy): Promise<void> {
  proxy.mischief = ({ direction, opcode }) => (direction === 'to-initiator' && (opcode === Opcode.dataIn || opcode === Opcode.scsiResponse) ? 'drop' : 'pass');
  const dropped = proxy.counts.drop;
  const read = session.command({ lun: 0, cdb: cdb.readCdb(10, 0, 8), dataInLength: 8 * BLOCK });
  await until(() => proxy.counts.drop > dropped, 'the loss of the data');
  proxy.mischief = () => 'pass';
  await session.renegotiate({ maxRecvDataSegmentLength: 1024 });
  await read;
}

/** Commands in one row of CmdSN over three connections, of which one leaves before the others. */
async function useConnections(port: number): Promise<void> {
  const { session, unit } = await open(port, { digests: CRC32C, keys: { maxConnections: 4 } });
  await session.addConnection();
  // Digests are a matter of each connection.
  const last = await session.addConnection({ digests: { header: 'None', data: 'CRC32C' } });
  const writes = Array.from({ length: 9 }, (_, index) => unit.write(index * 8, Buffer.alloc(8 * BLOCK, index), BLOCK));
  await Promise.all(writes);
  await Promise.all(Array.from({ length: 9 }, (_, index) => unit.read(index * 8, 8, BLOCK)));
  await session.logout(LogoutReason.closeConnection, { cid: last, over: 0 });
  await unit.read(0, 8, BLOCK);
  await session.logout();
}

/** ErrorRecoveryLevel 2: a connection is cut between a read and its data, a write and its R2T; their tasks are reassigned. */
async function loseConnections(port: number, connectionRecovery: 'reinstate' | 'logout'): Promise<void> {
  await overBadNetwork(port, async (proxy) => {
    let recoveredCount = 0;
    const events = { onConnectionRecovered: () => recoveredCount++ };
    const keys: LoginKeys = { ...RECOVERY_KEYS, errorRecoveryLevel: 2, maxConnections: 3, initialR2T: true, immediateData: false };
    // Wireshark looks for a data digest behind the first PDU of a frame only, and the first data of a new connection comes with an answer before it.
    const digests = connectionRecovery === 'logout' ? CRC32C : ({ header: 'CRC32C', data: 'None' } as const);
    const { session } = await open(proxy.port, { connectionRecovery, events, digests, keys });
    for (const options of [
      { lun: 0, cdb: cdb.readCdb(10, 0, 32), dataInLength: 32 * BLOCK },
      { lun: 0, cdb: cdb.writeCdb(10, 0, 32), dataOut: Buffer.alloc(32 * BLOCK, 0x77) },
    ]) {
      const cid = session.connections.find((each) => each.cid !== 0)?.cid ?? (await session.addConnection());
      const opcode = options.dataOut === undefined ? Opcode.dataIn : Opcode.readyToTransfer;
      proxy.mischief = next('to-initiator', opcode, 'cut', 1);
      await session.command({ ...options, cid });
      proxy.mischief = () => 'pass';
    }
    await until(() => recoveredCount === 2, 'the recovery of both connections');
    await session.logout();
  });
}

// --- Asynchronous Messages ---------------------------------------------------------------------------------------

/** A reset stops a write of another session, which is told so and acknowledges it. RFC 7143 §4.2.3.4 "FastAbort". */
async function stopWritesOfOthers(port: number): Promise<void> {
  await overBadNetwork(port, async (proxy) => {
    const writer = await open(proxy.port, { keys: { taskReporting: 'FastAbort', initialR2T: true, immediateData: false } });
    const other = await open(port);
    proxy.mischief = next('to-target', Opcode.dataOut, 'drop');
    const write = writer.unit.write(0, Buffer.alloc(8 * BLOCK), BLOCK).catch(() => {});
    await until(() => proxy.counts.drop === 1, 'the loss of the data');
    await other.session.logicalUnitReset(0);
    await writer.session.ping();
    writer.session.destroy();
    await write;
    await other.session.logout();
  });
}

/** Everything that an operator can have a session told, and TARGET COLD RESET. RFC 7143 §11.9.1. */
async function beToldOfEvents({ engine, port }: Scenery): Promise<void> {
  const told: number[] = [];
  const events = { onAsyncMessage: ({ asyncEvent }: { asyncEvent: number }) => told.push(asyncEvent) };
  const isTold = (event: number) => until(() => told.includes(event), `event ${event}`);
  const { session, unit } = await open(port, { events, actOnAsyncMessages: true, keys: { maxConnections: 2 } });
  const { tsih, cid } = session.login;
  engine.sessions.requestRenegotiation({ tsih, cid }, EVENT_SECONDS);
  await isTold(4);
  engine.sessions.reportUnitAttention(TARGET_NAME, 0, Asc.mediumMayHaveChanged, { announce: true });
  await isTold(0);
  await unit.clearUnitAttentions();
  engine.sessions.requestLogout({ tsih, cid }, EVENT_SECONDS);
  await isTold(1);
  await until(() => session.isClosed, 'the logout');
  await beDropped(engine, port);
}

async function beDropped(engine: Engine, port: number): Promise<void> {
  const told: number[] = [];
  const events = { onAsyncMessage: ({ asyncEvent }: { asyncEvent: number }) => told.push(asyncEvent) };
  const first = await open(port, { events });
  engine.sessions.dropConnection({ tsih: first.session.login.tsih, cid: first.session.login.cid });
  await until(() => first.session.isClosed, 'the end of the connection');
  const second = await open(port, { events });
  await second.session.targetColdReset();
  await until(() => second.session.isClosed, 'the end of the session');
}
