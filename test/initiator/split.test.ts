import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeTextData, type KeyValuePair, Opcode } from '../../engine/pdu/index.js';
import { readCdb, testUnitReadyCdb } from '../../initiator/cdb.js';
import { assertBytes } from '../support/assert-bytes.js';
import type { FakeConnection } from './fake-target.js';
import { closeAll, openPair, type Pair, pattern } from './session-harness.js';

test.after.each(closeAll);

const data = pattern(75);
const sense = Buffer.from('700005000000000a00000000240000000000', 'hex');
const text: KeyValuePair[] = [['X-com.example.a', 'b']];

/** Everything a session can receive in one stretch: Data-In with odd lengths, status, sense, text, pings, a message. */
async function requestAll(pair: Pair): Promise<{ stream: Buffer; verify: () => Promise<void> }> {
  const { session, connection } = pair;
  const read = session.command({ lun: 0, cdb: readCdb(10, 0, 1), dataInLength: 75 });
  const failing = session.command({ lun: 0, cdb: testUnitReadyCdb() });
  const negotiating = session.text(text);
  const ping = session.ping(Buffer.from('ping!'));
  const first = await connection.next(Opcode.scsiCommand);
  const second = await connection.next(Opcode.scsiCommand);
  const third = await connection.next(Opcode.textRequest);
  const fourth = await connection.next(Opcode.nopOut);
  connection.hold();
  connection.dataIn(first, data.subarray(0, 33));
  connection.nopIn({ targetTransferTag: 6 });
  connection.dataIn(first, data.subarray(33), { dataSN: 1, bufferOffset: 33, final: true, statusPresent: true });
  connection.scsiResponse(second, { status: 2 }, sense);
  connection.asyncMessage(255, Buffer.from('v'));
  connection.textResponse(third, encodeTextData(text));
  connection.nopIn({ initiatorTaskTag: fourth.initiatorTaskTag }, Buffer.from('ping!'));
  const stream = connection.held();
  const verify = async (): Promise<void> => {
    assertBytes((await read).dataIn, data);
    assertBytes((await failing).sense, sense);
    assert.equal(await negotiating, text);
    assert.is((await ping).toString(), 'ping!');
    assert.is((await connection.next(Opcode.nopOut)).view.getUint32(20), 6);
  };
  return { stream, verify };
}

async function inPieces(connection: FakeConnection, stream: Buffer, lengths: readonly number[]): Promise<void> {
  await connection.sendInPieces(stream, lengths);
}

for (const digest of ['None', 'CRC32C'] as const) {
  test(`the target’s stream split at every byte (digests ${digest})`, async () => {
    const pair = await openPair({ digests: { header: digest, data: digest } });
    const { length } = await requestAllOnce(pair, []);
    for (let split = 1; split < length; split++) await requestAllOnce(pair, [split]);
  });

  test(`the target’s stream byte by byte (digests ${digest})`, async () => {
    const pair = await openPair({ digests: { header: digest, data: digest } });
    const { length } = await requestAllOnce(pair, []);
    await requestAllOnce(
      pair,
      Array.from({ length }, () => 1),
    );
  });
}

async function requestAllOnce(pair: Pair, lengths: readonly number[]): Promise<{ length: number }> {
  pair.connection.maxCmdSN = pair.connection.expCmdSN + 31;
  const { stream, verify } = await requestAll(pair);
  await inPieces(pair.connection, stream, lengths);
  await verify();
  return { length: stream.length };
}

test.run();
