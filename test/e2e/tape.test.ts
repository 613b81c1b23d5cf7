// test-timeout: 120 s
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Engine } from '../../engine/engine.js';
import { parseSense, Session } from '../../initiator/index.js';
import { assertBytes } from '../support/assert-bytes.js';

// A tape drive as initiators reach it over iSCSI: Data-In and Data-Out in the arena, the drive's own thread, and its order of commands.

const TARGET = 'iqn.2026-11.io.lunloom:tape';
const LUN = 1;
const BLOCK_BYTES = 256 * 1024;
const BLOCK_COUNT = 40;
const folder = mkdtempSync(join(tmpdir(), 'lunloom-tape-e2e-'));

interface Answer {
  readonly status: number;
  readonly said: string;
  readonly dataIn: Buffer;
}

interface Data {
  readonly dataOut?: Uint8Array;
  readonly dataInLength?: number;
}

type Send = (cdb: string, data?: Data) => Promise<Answer>;

async function withDrive(work: (send: Send, engine: Engine) => Promise<void>): Promise<void> {
  const defects: unknown[] = [];
  const options = { capacity: 64 * 1024 * 1024, compression: true };
  const lun = { lun: LUN, device: { kind: 'tape', source: join(folder, 'a.tape'), options }, readOnly: false };
  const engine = await Engine.start(
    { portals: [{ address: '127.0.0.1', port: 0 }], targets: [{ name: TARGET, luns: [lun] }], execution: 'auto', workerCount: 1, insecure: false, limits: {} },
    { onDefect: (error) => defects.push(error) },
  );
  try {
    const session = await Session.login({ host: '127.0.0.1', port: engine.portals[0]?.port ?? 0, targetName: TARGET });
    const send: Send = async (cdb, data = {}) => {
      const { status, sense, dataIn } = await session.command({ lun: LUN, cdb: Buffer.from(cdb.replaceAll(' ', ''), 'hex'), ...data });
      const parsed = status === 0 ? null : parseSense(sense);
      return { status, said: parsed === null ? 'good' : sense.toString('hex'), dataIn };
    };
    while ((await send('00 00 00 00 00 00')).status !== 0);
    await work(send, engine);
    await session.logout();
    assert.equal(defects, []);
    assert.is(engine.usage().openTaskCount ?? 0, 0);
  } finally {
    await engine.stop({ immediately: true });
  }
}

const blockOf = (index: number) => Buffer.from(Uint8Array.from({ length: BLOCK_BYTES }, (_, at) => (at * (index + 3) + (at >> 9)) & 0xff));
const three = (value: number) => value.toString(16).padStart(6, '0');

test('a tape that is written in order, many commands at a time, reads back as it was written, also after a restart', async () => {
  await withDrive(async (send) => {
    const writes = Array.from({ length: BLOCK_COUNT }, (_, index) => send(`0a 00 ${three(BLOCK_BYTES)} 00`, { dataOut: blockOf(index) }));
    for (const { said } of await Promise.all(writes)) assert.is(said, 'good');
    assert.is((await send('10 00 000002 00')).said, 'good');
  });
  await withDrive(async (send) => {
    for (let index = 0; index < BLOCK_COUNT; index++) {
      const { said, dataIn } = await send(`08 00 ${three(BLOCK_BYTES)} 00`, { dataInLength: BLOCK_BYTES });
      assert.is(said, 'good');
      assertBytes(dataIn, blockOf(index));
    }
    const mark = await send(`08 00 ${three(BLOCK_BYTES)} 00`, { dataInLength: BLOCK_BYTES });
    assert.is(mark.said.slice(0, 16), `f0 00 80 ${`00${three(BLOCK_BYTES)}`} 0a`.replaceAll(' ', ''), 'FILEMARK and the whole length left');
    const position = await send('34 06 00 00 00 00 00 00 00 00', { dataInLength: 32 });
    assert.is(position.dataIn.subarray(8, 24).toString('hex'), `${(BLOCK_COUNT + 1).toString(16).padStart(16, '0')}${'1'.padStart(16, '0')}`);
  });
});

test('fixed blocks of 512 bytes in transfers of many, encrypted, with less data taken than there is', async () => {
  await withDrive(async (send) => {
    const key = '42'.repeat(32);
    const page = Buffer.from(`0010 0030 40 00 02 03 01 00 00 ${'00'.repeat(7)} 0020 ${key}`.replaceAll(' ', ''), 'hex');
    assert.is((await send('b5 20 00 10 00 00 00 00 00 34 00 00', { dataOut: page })).said, 'good');
    assert.is((await send('15 10 00 00 0c 00', { dataOut: Buffer.from('000010080000000000000200', 'hex') })).said, 'good');
    assert.is((await send('0a 01 000200 00', { dataOut: blockOf(7) })).said, 'good');
    assert.is((await send('01 00 00 00 00 00')).said, 'good');
    const cut = await send('08 01 000100 00', { dataInLength: 1000 });
    assert.is(cut.status, 0);
    assertBytes(cut.dataIn, blockOf(7).subarray(0, 1000));
    const rest = await send('08 01 000100 00', { dataInLength: BLOCK_BYTES / 2 });
    assert.is(rest.status, 0);
    assertBytes(rest.dataIn, blockOf(7).subarray(BLOCK_BYTES / 2));
  });
});

test.after(() => rmSync(folder, { recursive: true, force: true }));

test.run();
