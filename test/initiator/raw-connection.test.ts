import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { BHS_LENGTH, encodeNopOut, Opcode, RESERVED_TAG } from '../../engine/pdu/index.js';
import { framePdu, RawConnection } from '../../initiator/raw-connection.js';
import { assertBytes, hex } from '../support/assert-bytes.js';
import { type FakeConnection, FakeTarget } from './fake-target.js';
import { errorOf } from './session-harness.js';

let target: FakeTarget;
let raw: RawConnection;
let connection: FakeConnection;
test.before.each(async () => {
  target = await FakeTarget.start();
  raw = await RawConnection.connect('127.0.0.1', target.port);
  connection = await target.accept();
});
test.after.each(() => {
  raw.destroy();
  target.close();
});

function nopOut(dataLength = 0): Uint8Array {
  const header = new Uint8Array(BHS_LENGTH);
  const pdu = { immediate: true, lunHigh: 0, lunLow: 0, initiatorTaskTag: 9, targetTransferTag: RESERVED_TAG, cmdSN: 1, expStatSN: 1 };
  encodeNopOut(pdu, dataLength, new DataView(header.buffer), 0);
  return header;
}

test('framing: AHS, digests, padding, and digests that are wrong on purpose', () => {
  const header = new Uint8Array(BHS_LENGTH);
  const data = hex('010203');
  const plain = framePdu(header, { data });
  assert.is(plain.length, BHS_LENGTH + 4);
  const full = framePdu(header, { data, ahs: new Uint8Array(8), headerDigest: true, dataDigest: true });
  assert.is(full.length, BHS_LENGTH + 8 + 4 + 4 + 4);
  // RFC 7143's CRC of 48 zero bytes is not in its examples; 32 zero bytes are: aa 36 91 8a.
  assertBytes(framePdu(new Uint8Array(32), { headerDigest: true }).subarray(32), hex('aa36918a'));
  const wrong = framePdu(header, { data, ahs: new Uint8Array(8), headerDigest: true, dataDigest: true, corruptHeaderDigest: true, corruptDataDigest: true });
  assert.not.equal(wrong.subarray(56, 60), full.subarray(56, 60));
  assertBytes(wrong.subarray(60, 64), full.subarray(60, 64));
  assert.not.equal(wrong.subarray(64), full.subarray(64));
});

test('what is sent arrives as it is, what comes is handed over PDU by PDU', async () => {
  raw.sendPdu(nopOut(5), { data: Buffer.from('hello') });
  const taken = await connection.next(Opcode.nopOut);
  assert.is(taken.data.toString(), 'hello');
  connection.hold();
  connection.nopIn({ initiatorTaskTag: 9 }, Buffer.from('hello'));
  connection.asyncMessage(1);
  connection.release();
  const pdu = await raw.nextPdu(1000);
  assert.is(pdu.opcode, Opcode.nopIn);
  assert.is(pdu.view.getUint32(16), 9);
  assert.is(pdu.header.length, BHS_LENGTH);
  assert.is(pdu.data.toString(), 'hello');
  assert.is(pdu.ahs.length, 0);
  assert.is((await raw.nextPdu(1000)).opcode, Opcode.asyncMessage);
  assert.is(await raw.nothingFor(20), null);
});

test('bytes go out as they are', async () => {
  const header = nopOut();
  for (const byte of header) raw.sendBytes(Uint8Array.of(byte));
  assertBytes((await connection.next()).header, header);
});

test('a login by hand, then raw: digests follow what was negotiated, and can be broken', async () => {
  const pending = raw.login({ targetName: 'iqn.2025-01.test:fake', digests: { header: 'CRC32C', data: 'CRC32C' } });
  await connection.login();
  const { negotiated } = await pending;
  assert.ok(negotiated.headerDigest && negotiated.dataDigest);
  raw.sendPdu(nopOut(3), { data: hex('010203') });
  assertBytes((await connection.next(Opcode.nopOut)).data, hex('010203'));
  connection.nopIn({ initiatorTaskTag: 9 }, hex('040506'));
  assert.ok((await raw.nextPdu(1000)).dataDigestRight);
  raw.sendPdu(nopOut(3), { data: hex('010203'), corruptDataDigest: true });
  await connection.next().then(
    () => assert.unreachable('the digest is wrong'),
    (error: { code?: string }) => assert.is(error.code, 'TEST_DIGEST'),
  );
});

test('a data digest that is wrong is told, not judged', async () => {
  raw.setDigests(false, true);
  connection.dataDigest = true;
  connection.dataIn({ ...(await sent()), initiatorTaskTag: 1 }, Buffer.from('abcd'), {}, undefined, true);
  assert.not.ok((await raw.nextPdu(1000)).dataDigestRight);
});

async function sent(): Promise<Awaited<ReturnType<FakeConnection['next']>>> {
  raw.sendPdu(nopOut());
  return connection.next();
}

test('waits end: RECEIVE_TIMEOUT, CLOSE_TIMEOUT, CONNECTION_CLOSED', async () => {
  assert.is((await errorOf(raw.nextPdu(20))).code, 'RECEIVE_TIMEOUT');
  assert.is((await errorOf(raw.expectClose(20))).code, 'CLOSE_TIMEOUT');
  const waiting = errorOf(raw.nextPdu(2000));
  connection.end();
  assert.is((await waiting).code, 'CONNECTION_CLOSED');
  assert.is((await errorOf(raw.nextPdu(20))).code, 'CONNECTION_CLOSED');
  assert.throws(() => raw.sendBytes(Buffer.alloc(1)), /closed/);
});

test('expectClose answers what came before the close', async () => {
  connection.asyncMessage(2);
  connection.end();
  const pdus = await raw.expectClose(2000);
  assert.equal(
    pdus.map(({ opcode }) => opcode),
    [Opcode.asyncMessage],
  );
});

test('a stream that cannot be cut ends the connection', async () => {
  raw.setDigests(true, false);
  // The header comes without its digest: the four bytes behind it are those of the next header.
  connection.asyncMessage(1);
  connection.asyncMessage(1);
  assert.is((await errorOf(raw.nextPdu(1000))).code, 'TARGET_VIOLATION');
});

test('a paused reader takes nothing until it resumes', async () => {
  raw.pauseReading();
  connection.asyncMessage(1);
  assert.is(await raw.nothingFor(50), null);
  raw.resumeReading();
  assert.is((await raw.nextPdu(1000)).opcode, Opcode.asyncMessage);
});

test('close sends what waits, then a FIN', async () => {
  raw.sendPdu(nopOut());
  const closing = raw.close(2000);
  await connection.next(Opcode.nopOut);
  await closing;
  assert.ok(raw.isClosed);
});

test('a header that is none is refused', () => {
  assert.throws(() => raw.sendPdu(new Uint8Array(47)), /48 bytes/);
});

test.run();
