// test-timeout: 120 s
// test-beside: it waits most of the time
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LogicalUnitClient, Session } from '../../initiator/index.js';
import { LunloomProcess } from '../support/lunloom-process.js';
import { seededRandom } from '../support/random.js';
import { runCli } from './cli-child.js';

const test = suite<{ folder: string; state: string }>('state directory, end to end');
test.before.each((context) => {
  context.folder = mkdtempSync(join(tmpdir(), 'lunloom-state-'));
  context.state = join(context.folder, 'state');
});
test.after.each(({ folder }) => rmSync(folder, { recursive: true }));

const CONTROL_PAGE = 0x0a;
const SECOND_AT = 3;
const NUAR_BIT = 0x08;
const KILL_COUNT = 10;

const serve = (state: string) => LunloomProcess.start({ args: ['--lun', '0=ram:16MiB', '--state', state] });

async function login(lunloom: LunloomProcess): Promise<LogicalUnitClient> {
  const session = await Session.login({ host: lunloom.address, port: lunloom.port, targetName: lunloom.targetName });
  const unit = new LogicalUnitClient(session, 0);
  await unit.clearUnitAttentions();
  return unit;
}

/** The Control page as it stands, with its header. */
async function controlPage(unit: LogicalUnitClient): Promise<Uint8Array> {
  const { pages } = await unit.modeSense({ pageCode: CONTROL_PAGE, disableBlockDescriptors: true });
  return Uint8Array.from(pages);
}

test('a saved mode page is there after a stop, and one that was not saved is not', async ({ state }) => {
  const first = await serve(state);
  const unit = await login(first);
  const page = await controlPage(unit);
  page[SECOND_AT] = (page[SECOND_AT] as number) | NUAR_BIT;
  await unit.modeSelect(page, { savePages: true });
  page[SECOND_AT] = (page[SECOND_AT] as number) & ~NUAR_BIT;
  await unit.modeSelect(page);
  assert.is((await first.stop()).exitCode, 0);
  const second = await serve(state);
  assert.is(((await controlPage(await login(second)))[SECOND_AT] as number) & NUAR_BIT, NUAR_BIT);
  assert.is((await second.stop()).exitCode, 0);
  assert.equal(readdirSync(state).length, 1, 'the file of the unit; the lock is gone');
});

test('kill -9 amid MODE SELECT with SP: what was acknowledged is there, and the state always loads', async ({ state }) => {
  const random = seededRandom(Number(process.env['LUNLOOM_SEED'] ?? 3));
  let acknowledged = false;
  for (let round = 0; round < KILL_COUNT; round++) {
    const lunloom = await serve(state);
    const unit = await login(lunloom);
    const page = await controlPage(unit);
    assert.is(((page[SECOND_AT] as number) & NUAR_BIT) !== 0, acknowledged, `round ${round}`);
    let isAlive = true;
    const killed = new Promise((resolve) => setTimeout(resolve, random.below(60))).then(async () => {
      await lunloom.kill();
      isAlive = false;
    });
    let asked: boolean = acknowledged;
    try {
      while (isAlive) {
        asked = !acknowledged;
        page[SECOND_AT] = (page[SECOND_AT] as number) ^ NUAR_BIT;
        await unit.modeSelect(page, { savePages: true });
        acknowledged = asked;
      }
    } catch {
      // The connection is gone; the last one asked for may have been saved or not.
    }
    await killed;
    const [file] = readdirSync(state).filter((name) => name.endsWith('.json'));
    if (file === undefined) continue;
    const kept = JSON.parse(readFileSync(join(state, file), 'utf8')).sections['modePages'] ?? {};
    const isKept = (Number.parseInt((kept['0a'] ?? '0210').slice(2, 4), 16) & NUAR_BIT) !== 0;
    assert.ok(isKept === acknowledged || isKept === asked, `round ${round}: a value that was asked for`);
    acknowledged = isKept;
  }
});

test('a damaged file keeps the engine from starting, says which, and stays as it is', async ({ state }) => {
  const first = await serve(state);
  const unit = await login(first);
  const page = await controlPage(unit);
  page[SECOND_AT] = (page[SECOND_AT] as number) | NUAR_BIT;
  await unit.modeSelect(page, { savePages: true });
  await first.stop();
  const [name] = readdirSync(state);
  const file = join(state, name as string);
  const damaged = readFileSync(file, 'utf8').replace('"0a"', '"0b"');
  writeFileSync(file, damaged);
  const end = await runCli(['serve', '--portal', '127.0.0.1:0', '--lun', '0=ram:16MiB', '--state', state]);
  assert.is(end.exitCode, 3);
  assert.match(end.stderr, /^lunloom: .*-lun0-[0-9a-f]{16}\.json is damaged: its checksum does not fit/);
  assert.is(readFileSync(file, 'utf8'), damaged);
});

test('a second engine on the same directory is told who holds it', async ({ state }) => {
  const first = await serve(state);
  const end = await runCli(['serve', '--portal', '127.0.0.1:0', '--state', state]);
  assert.is(end.exitCode, 3);
  assert.match(end.stderr, new RegExp(`in use by process ${first.pid}`));
  await first.stop();
});

test.run();
