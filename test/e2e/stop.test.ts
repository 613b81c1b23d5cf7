// test-timeout: 180 s
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Assertion } from 'uvu/assert';
import { AsyncEvent, type AsyncMessagePdu } from '../../engine/pdu/index.js';
import { cdb, LogicalUnitClient, RawConnection, Session } from '../../initiator/index.js';
import { type LunloomOptions, LunloomProcess } from '../support/lunloom-process.js';
import { stampedBlocks } from './durable-lane.js';

/** Far above what a stop takes that nobody holds up, and far below the drain times that must not be waited for. */
const PROMPT_MS_MAX = 4_000;
const NEVER_MS = 60_000;
const MESSAGE_MS_MAX = 5_000;

const test = suite<{ folder: string }>('stop');
test.before.each((context) => {
  context.folder = mkdtempSync(join(tmpdir(), 'lunloom-stop-'));
});
test.after.each(({ folder }) => rmSync(folder, { recursive: true }));

/** Serves while `use` runs, and ends it whatever happens. */
async function serving(options: LunloomOptions, use: (lunloom: LunloomProcess) => Promise<void>): Promise<void> {
  const lunloom = await LunloomProcess.start(options);
  try {
    await use(lunloom);
    assert.is(lunloom.stderr, '');
  } finally {
    await lunloom.kill();
  }
}

function drainingFor(drainMsMax: number): LunloomOptions {
  return { config: { targets: [{ name: 'iqn.2026-11.io.lunloom:stop', luns: [{ lun: 0, store: 'ram:4MiB' }] }], limits: { drainMsMax } } };
}

interface Listener {
  readonly unit: LogicalUnitClient;
  /** The first Async Message, or a rejection when none comes. */
  readonly asked: Promise<AsyncMessagePdu>;
}

async function login(lunloom: LunloomProcess): Promise<Listener> {
  let onAsyncMessage: (message: AsyncMessagePdu) => void = () => {};
  const asked = new Promise<AsyncMessagePdu>((resolve, reject) => {
    const failure = new Assertion({ message: 'nobody asked for a logout', operator: 'asked', expects: AsyncEvent.logoutRequest, actual: null });
    const timer = setTimeout(() => reject(failure), MESSAGE_MS_MAX);
    onAsyncMessage = (message) => {
      clearTimeout(timer);
      resolve({ ...message });
    };
  });
  asked.catch(() => {});
  const events = { onAsyncMessage: (message: AsyncMessagePdu) => onAsyncMessage(message) };
  const session = await Session.login({ host: lunloom.address, port: lunloom.port, targetName: lunloom.targetName, events });
  const unit = new LogicalUnitClient(session, 0);
  await unit.clearUnitAttentions();
  return { unit, asked };
}

/** Sends the signal and answers how long the process took from there. */
async function timeToEnd(lunloom: LunloomProcess, signal: NodeJS.Signals): Promise<{ readonly exitCode: number | null; readonly elapsedMs: number }> {
  const startedAt = performance.now();
  process.kill(lunloom.pid, signal);
  const { exitCode } = await lunloom.ended;
  return { exitCode, elapsedMs: performance.now() - startedAt };
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`${signal}: initiators are asked to log out, and when they have, the process ends with 0`, async () => {
    await serving(drainingFor(NEVER_MS), async (lunloom) => {
      const listeners = [await login(lunloom), await login(lunloom)];
      const ending = timeToEnd(lunloom, signal);
      for (const { unit, asked } of listeners) {
        const { asyncEvent, parameter3 } = await asked;
        // RFC 7143 §11.9.1: event 1 with the seconds that are left in Parameter3.
        assert.is(asyncEvent, AsyncEvent.logoutRequest);
        assert.is(parameter3, NEVER_MS / 1000);
        // Until it has logged out, a session is as good as ever.
        assert.is((await unit.read(0, 8, 512)).length, 4096);
        await unit.session.logout();
      }
      const { exitCode, elapsedMs } = await ending;
      assert.is(exitCode, 0);
      assert.ok(elapsedMs < PROMPT_MS_MAX, `it took ${elapsedMs.toFixed(0)} ms`);
      assert.equal(lunloom.events.slice(1), [{ event: 'stopping', signal }, { event: 'stopped' }]);
    });
  });
}

test('who does not log out is cut off after drainMsMax', async () => {
  const drainMsMax = 700;
  await serving(drainingFor(drainMsMax), async (lunloom) => {
    const { unit, asked } = await login(lunloom);
    const { exitCode, elapsedMs } = await timeToEnd(lunloom, 'SIGTERM');
    await asked;
    assert.is(exitCode, 0);
    assert.ok(elapsedMs >= drainMsMax - 1, `it ended after ${elapsedMs.toFixed(0)} ms`);
    assert.ok(elapsedMs < drainMsMax + PROMPT_MS_MAX, `it ended after ${elapsedMs.toFixed(0)} ms`);
    assert.ok(unit.session.isClosed);
  });
});

test('a second signal ends the process at once', async () => {
  await serving(drainingFor(NEVER_MS), async (lunloom) => {
    const { asked } = await login(lunloom);
    process.kill(lunloom.pid, 'SIGINT');
    await asked;
    const { exitCode, elapsedMs } = await timeToEnd(lunloom, 'SIGINT');
    assert.is(exitCode, 130);
    assert.ok(elapsedMs < PROMPT_MS_MAX, `it took ${elapsedMs.toFixed(0)} ms`);
  });
});

test('connections that never logged in do not hold a stop up, and new ones are refused', async () => {
  await serving(drainingFor(NEVER_MS), async (lunloom) => {
    const silent = await RawConnection.connect(lunloom.address, lunloom.port);
    const { unit, asked } = await login(lunloom);
    const ending = timeToEnd(lunloom, 'SIGTERM');
    await asked;
    await silent.expectClose(MESSAGE_MS_MAX);
    const refusal = await new Promise<string | undefined>((resolve) => {
      const socket = connect(lunloom.port, lunloom.address, () => resolve('it was accepted'));
      socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code));
    });
    assert.is(refusal, 'ECONNREFUSED');
    await unit.session.logout();
    assert.is((await ending).exitCode, 0);
  });
});

const WRITE_COUNT = 24;
const WRITE_LBA_COUNT = 256;

for (const execution of ['inline', 'pool'] as const) {
  test(`${execution}: commands that are on their way at SIGTERM are completed before the process ends`, async ({ folder }) => {
    const image = join(folder, 'disk.img');
    const lun = `0=file:${image},size=${WRITE_COUNT * WRITE_LBA_COUNT * 4096},block-size=4096`;
    await serving({ args: ['--lun', lun, '--execution', execution] }, async (lunloom) => {
      const { unit, asked } = await login(lunloom);
      const data = Array.from({ length: WRITE_COUNT }, (_, i) => stampedBlocks(i * WRITE_LBA_COUNT, WRITE_LBA_COUNT, 4096, i + 1));
      const writes = data.map((dataOut, i) => unit.run('WRITE', { cdb: cdb.writeCdb(16, i * WRITE_LBA_COUNT, WRITE_LBA_COUNT, i % 4 === 0), dataOut }));
      const ending = timeToEnd(lunloom, 'SIGTERM');
      await Promise.all(writes);
      await asked;
      await unit.session.logout();
      assert.is((await ending).exitCode, 0);
      assert.ok(readFileSync(image).equals(Buffer.concat(data)), 'the file lacks what was acknowledged');
    });
  });

  test(`${execution}: a logout behind commands that are on their way loses none that was acknowledged`, async ({ folder }) => {
    const image = join(folder, 'disk.img');
    const lun = `0=file:${image},size=${WRITE_COUNT * WRITE_LBA_COUNT * 4096},block-size=4096`;
    await serving({ args: ['--lun', lun, '--execution', execution] }, async (lunloom) => {
      const { unit, asked } = await login(lunloom);
      const data = Array.from({ length: WRITE_COUNT }, (_, i) => stampedBlocks(i * WRITE_LBA_COUNT, WRITE_LBA_COUNT, 4096, i + 1));
      process.kill(lunloom.pid, 'SIGTERM');
      await asked;
      const writes = data.map((dataOut, i) => unit.run('WRITE', { cdb: cdb.writeCdb(16, i * WRITE_LBA_COUNT, WRITE_LBA_COUNT, i % 4 === 0), dataOut }));
      const outcomes = Promise.allSettled(writes);
      await unit.session.logout();
      assert.is((await lunloom.ended).exitCode, 0);
      const bytes = readFileSync(image);
      for (const [i, outcome] of (await outcomes).entries()) {
        if (outcome.status === 'rejected') continue;
        const from = i * WRITE_LBA_COUNT * 4096;
        assert.ok(bytes.subarray(from, from + WRITE_LBA_COUNT * 4096).equals(data[i] as Buffer), `write ${i} was acknowledged and is not in the file`);
      }
    });
  });
}

test.run();
