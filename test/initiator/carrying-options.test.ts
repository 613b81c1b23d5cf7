import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Engine } from '../../engine/engine.js';
import { readCdb, testUnitReadyCdb, writeCdb } from '../../initiator/cdb.js';
import { Session } from '../../initiator/session.js';
import { assertBytes } from '../support/assert-bytes.js';

// What who carries commands for others needs of a session.

const TARGET_NAME = 'iqn.2026-11.io.lunloom:carrying';
const BLOCK = 512;
let engine: Engine;
let session: Session;

test.before(async () => {
  engine = await Engine.start({
    portals: [{ address: '127.0.0.1', port: 0 }],
    targets: [{ name: TARGET_NAME, luns: [{ lun: 0, store: { kind: 'ram', sizeBytes: 1024 * 1024 }, blockLengthBytes: BLOCK, readOnly: false }] }],
    execution: 'inline',
    workerCount: 0,
    insecure: false,
    limits: {},
  });
  session = await Session.login({ host: '127.0.0.1', port: engine.portals[0]?.port ?? 0, targetName: TARGET_NAME });
  await session.command({ lun: 0, cdb: testUnitReadyCdb() });
});
test.after(async () => {
  session.destroy();
  await engine.stop({ immediately: true });
});

test('Data-In lands in memory of the caller, shared memory too, and nowhere else', async () => {
  const data = Buffer.alloc(2 * BLOCK, 0xa5);
  await session.command({ lun: 0, cdb: writeCdb(10, 0, 2), dataOut: data });
  const memory = new Uint8Array(new SharedArrayBuffer(4 * BLOCK));
  const { status, dataIn } = await session.command({ lun: 0, cdb: readCdb(10, 0, 2), dataInto: memory.subarray(BLOCK, 3 * BLOCK) });
  assert.is(status, 0);
  assertBytes(Uint8Array.from(memory.subarray(BLOCK, 3 * BLOCK)), data);
  assert.is(dataIn.buffer, memory.buffer as unknown);
  assert.ok([...memory.subarray(0, BLOCK), ...memory.subarray(3 * BLOCK)].every((byte) => byte === 0));
});

test('memory and another length at once are refused', () => {
  assert.throws(() => session.submit({ lun: 0, cdb: readCdb(10, 0, 1), dataInto: new Uint8Array(512), dataInLength: 100 }), /memory or a length, not both/);
});

test('a command that says its direction and expects no data learns what it would have moved', async () => {
  const read = await session.command({ lun: 0, cdb: readCdb(10, 0, 1), direction: 'in' });
  assert.equal([read.status, read.residualFlags, read.residualCount], [0, 4, BLOCK]);
  const write = await session.command({ lun: 0, cdb: writeCdb(10, 0, 1), direction: 'out' });
  assert.equal([write.residualFlags, write.residualCount], [4, BLOCK]);
});

test('a command without a time limit waits as long as it takes, and can be given up', async () => {
  const pending = session.submit({ lun: 0, cdb: testUnitReadyCdb(), timeoutMs: 0 });
  session.giveUp(pending);
  const outcome = await pending.result.then(
    () => 'answered',
    (error: { code: string }) => error.code,
  );
  assert.is(outcome, 'COMMAND_ABORTED');
});

test.run();
