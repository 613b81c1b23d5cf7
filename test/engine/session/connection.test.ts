import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  BHS_LENGTH,
  decodeLogoutResponse,
  LogoutReason,
  LogoutResponse,
  Opcode,
  RejectReason,
  readOpcode,
  ServiceResponse,
} from '../../../engine/pdu/index.js';
import { ALL_BITS, CONTROL_UNUSED, returnData } from '../../../engine/scsi/cdb.js';
import { CommandTable, type DeviceType, type UnitCommandRow } from '../../../engine/scsi/command-table.js';
import { Asc, checkCondition, SenseKey } from '../../../engine/scsi/sense.js';
import { requestLogout } from '../../../engine/session/async-messages.js';
import { ConnectionState } from '../../../engine/session/connection-state.js';
import { assertBytes } from '../../support/assert-bytes.js';
import { seededRandom } from '../../support/random.js';
import { BLOCK, Lun, Scene } from './scene.js';
import { loggedIn, TestInitiator } from './test-initiator.js';

const deviceData = seededRandom(41).bytes(1000);

/** A command of the device type below, by its opcode. */
function row(opcode: number, execute: UnitCommandRow['execute']): UnitCommandRow {
  const cdbUsage = [opcode, ALL_BITS, ALL_BITS, ALL_BITS, ALL_BITS, CONTROL_UNUSED];
  return { runsOn: 'main', reservation: 'always', opcode, name: `TEST ${opcode}`, clause: 'none', cdbLength: 6, cdbUsage, passesUnitAttention: true, execute };
}

/** A device that returns data and sense data at once, and one command that throws. */
const deviceType: DeviceType = {
  name: 'test',
  peripheralDeviceType: 0x1f,
  commands: new CommandTable([
    row(0xc0, (command) => {
      returnData(command, deviceData, 1000);
      checkCondition(command, SenseKey.recoveredError, Asc.none);
    }),
    row(0xc1, (command) => returnData(command, deviceData, 1000)),
    row(0xc2, () => {
      throw new TypeError('a defect of a handler');
    }),
  ]),
};

function finish(scene: Scene, initiator: TestInitiator): void {
  initiator.assertSilent();
  initiator.transport.output.flush();
  scene.assertIdle();
}

test('a command that returns data and sense data brings both: Data-In, then the SCSI Response', () => {
  const scene = new Scene({ deviceType });
  const initiator = loggedIn(scene, { keys: ['MaxRecvDataSegmentLength=512'] });
  initiator.command('c0', { lun: Lun.special, read: 4096 });
  const sent = initiator.take();
  assert.equal(
    sent.map(({ header }) => readOpcode(header, 0)),
    [Opcode.dataIn, Opcode.dataIn, Opcode.scsiResponse],
  );
  assertBytes(Buffer.concat(sent.slice(0, 2).map(({ data }) => data)), deviceData);
  const response = sent[2] as (typeof sent)[number];
  assert.equal([response.header.getUint8(1) & 0x06, response.header.getUint32(44)], [0x02, 3096], 'underflow');
  assert.equal([response.header.getUint8(3), response.data.readUInt16BE(0), response.data[4]], [0x02, 18, SenseKey.recoveredError]);
  assert.is(response.header.getUint8(2), ServiceResponse.commandCompleted);
  finish(scene, initiator);
});

test('an initiator that takes less than there is gets so much, and is told of the rest', () => {
  const scene = new Scene({ deviceType });
  const initiator = loggedIn(scene);
  initiator.command('c1', { lun: Lun.special, read: 100 });
  const answer = initiator.takeDataIn();
  assert.equal([answer.data.length, answer.residualFlags, answer.residualCount], [100, 0x04, 900]);
  initiator.read(0, 4, { read: 700, lun: Lun.copy });
  const cut = initiator.takeDataIn();
  assert.equal([cut.data.length, cut.residualFlags, cut.residualCount], [700, 0x04, 4 * BLOCK - 700]);
  initiator.read(0, 4, { read: 3000, lun: Lun.copy });
  const short = initiator.takeDataIn();
  assert.equal([short.data.length, short.residualFlags, short.residualCount], [4 * BLOCK, 0x02, 3000 - 4 * BLOCK]);
  finish(scene, initiator);
});

test('a handler that throws ends its command with HARDWARE ERROR, and is reported', () => {
  const scene = new Scene({ deviceType });
  const initiator = loggedIn(scene);
  initiator.command('c2', { lun: Lun.special, read: 512 });
  assert.equal(initiator.takeResponse().sense, '04/44/00');
  assert.is(scene.defects.splice(0).length, 1);
  finish(scene, initiator);
});

test('data is sent from the store only while nobody writes there', () => {
  const scene = new Scene();
  const initiator = loggedIn(scene);
  initiator.read(0, 8);
  assert.ok(initiator.takeDataIn().isView);
  initiator.write(4, 8, { data: new Uint8Array(8 * BLOCK).fill(0x11) });
  initiator.assertSilent();
  initiator.read(100, 1);
  initiator.takeDataIn();
  // The recording output compares what it was lent with what it was when it was lent.
  initiator.transport.output.flush();
  assert.is(initiator.takeResponse().status, 0, 'the write went on once the bytes had left');
  finish(scene, initiator);
});

test('a ping comes back with its data, as far as the initiator takes it', () => {
  const scene = new Scene();
  const initiator = loggedIn(scene, { keys: ['MaxRecvDataSegmentLength=512'] });
  const data = seededRandom(42).bytes(700);
  const tag = initiator.nopOut({ data });
  const pong = initiator.takeOne(Opcode.nopIn);
  assert.equal([pong.header.getUint32(16), pong.header.getUint32(20)], [tag, 0xffffffff]);
  assertBytes(pong.data, data.subarray(0, 512));
  finish(scene, initiator);
});

test('an opcode that is none is rejected with its header', () => {
  const scene = new Scene();
  const initiator = loggedIn(scene);
  const header = new Uint8Array(BHS_LENGTH).fill(0x3c);
  header[4] = 0;
  header.fill(0, 5, 8);
  initiator.transport.receive(header);
  const reject = initiator.takeReject();
  assert.is(reject.reason, RejectReason.commandNotSupported);
  assertBytes(reject.rejected, header);
  finish(scene, initiator);
});

test('a data segment longer than was declared is rejected, and ends the connection', () => {
  const scene = new Scene();
  const initiator = loggedIn(scene);
  initiator.nopOut({ data: new Uint8Array(256 * 1024 + 4) });
  assert.is(initiator.takeReject().reason, RejectReason.invalidPduField);
  assert.ok(initiator.transport.isClosed);
  assert.is(initiator.connection.state, ConnectionState.free);
  finish(scene, initiator);
});

test('logout closes the session; one for another connection does not', () => {
  const scene = new Scene();
  const initiator = loggedIn(scene);
  const answer = () => decodeLogoutResponse(initiator.takeOne(Opcode.logoutResponse).header, 0).response;
  initiator.logout({ reason: LogoutReason.closeConnection, cid: 9 });
  assert.is(answer(), LogoutResponse.cidNotFound);
  initiator.logout({ reason: LogoutReason.removeConnectionForRecovery });
  assert.is(answer(), LogoutResponse.recoveryNotSupported);
  assert.ok(initiator.connection.isOpen);
  initiator.read(0, 1, { lun: Lun.pool });
  initiator.logout({ reason: LogoutReason.closeConnection, cid: 0 });
  initiator.assertSilent();
  scene.dispatcher.completeAll();
  assert.is(answer(), LogoutResponse.closed, 'once the worker is done with its command');
  assert.ok(initiator.transport.isClosed);
  finish(scene, initiator);
});

test('a target that wants to stop asks for logout once, and gets it', () => {
  const scene = new Scene();
  const initiator = loggedIn(scene);
  requestLogout(initiator.connection, 5);
  requestLogout(initiator.connection, 5);
  const message = initiator.takeOne(Opcode.asyncMessage);
  assert.equal([message.header.getUint8(36), message.header.getUint16(42)], [1, 5]);
  assert.is(initiator.connection.state, ConnectionState.logoutRequested);
  initiator.command('00');
  assert.is(initiator.takeResponse().status, 0, 'commands go on until then');
  initiator.logout();
  initiator.takeOne(Opcode.logoutResponse);
  finish(scene, initiator);
});

test('what is not a login ends a connection that has not logged in, without a word', () => {
  const scene = new Scene();
  const initiator = new TestInitiator(scene);
  initiator.command('00');
  initiator.assertSilent();
  assert.ok(initiator.transport.isDestroyed);
});

test('digests hold from the PDU after the login response', () => {
  const scene = new Scene();
  const initiator = new TestInitiator(scene);
  assert.is(initiator.login({ keys: ['HeaderDigest=CRC32C', 'DataDigest=CRC32C'] }).status, 0);
  assert.equal(initiator.transport.digests, { header: true, data: true });
  initiator.clearUnitAttentions();
  initiator.write(0, 1, { data: new Uint8Array(BLOCK).fill(7) });
  assert.is(initiator.takeResponse().status, 0);
  finish(scene, initiator);
});

test('a stream cut anywhere is understood the same', () => {
  const whole = new Scene();
  const cut = new Scene();
  const log = [whole, cut].map((scene) => {
    const initiator = loggedIn(scene, { initiatorName: 'iqn.2024-01.test:cut' });
    const chunks: Buffer[] = [];
    const { transport } = initiator;
    const receive = transport.receive.bind(transport);
    transport.receive = (bytes) => chunks.push(Buffer.from(bytes));
    initiator.write(0, 3, { data: seededRandom(1).bytes(3 * BLOCK) });
    initiator.read(0, 3);
    initiator.nopOut({ data: Buffer.from('abc') });
    initiator.write(5, 1, { data: new Uint8Array(BLOCK), lun: Lun.pool });
    initiator.command('12 00 00 00 24 00', { read: 36 });
    const stream = Buffer.concat(chunks);
    if (scene === whole) receive(stream);
    else for (let at = 0; at < stream.length; at += 7) receive(stream.subarray(at, at + 7));
    scene.dispatcher.completeAll();
    const sent = initiator
      .take()
      .map(({ header, data }) => `${Buffer.from(header.buffer, header.byteOffset, BHS_LENGTH).toString('hex')} ${data.toString('hex')}`);
    initiator.transport.output.flush();
    scene.assertIdle();
    return sent;
  });
  assert.is(log[0]?.length, 5);
  assert.equal(log[1], log[0]);
});

test.run();
