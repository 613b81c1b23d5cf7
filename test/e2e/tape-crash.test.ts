// test-timeout: 300 s
// test-beside: it waits most of the time
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { create } from '../../engine/devices/tape/image/tape-service.js';
import { defaultLimits } from '../../engine/limits.js';
import { seededRandom } from '../support/random.js';
import { crashWord, crashWords } from './tape-crash-blocks.js';

const SEED = Number(process.env['LUNLOOM_SEED'] ?? Date.now() % 2 ** 32);
const CRASH_COUNT = Number(process.env['LUNLOOM_CRASHES'] ?? 30);
const LOAD_MS_MAX = 150;
const OPERATION_COUNT_MAX = 5;
const writerPath = fileURLToPath(new URL('./tape-crash-writer.js', import.meta.url));

const test = suite<{ folder: string }>('tape crashes');
test.before.each((context) => {
  context.folder = mkdtempSync(join(tmpdir(), 'lunloom-tape-crash-'));
});
test.after.each(({ folder }) => rmSync(folder, { recursive: true }));

/** What it said before it was killed, in whole lines. */
async function writeUntilKilled(path: string, cycle: number, seed: number, loadMs: number): Promise<string[]> {
  const child = spawn(process.execPath, [writerPath, path, String(cycle), String(seed)], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const ended = new Promise<string | null>((resolve) => child.once('close', (_, signal) => resolve(signal)));
  const ready = new Promise<void>((resolve) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      resolve();
    });
  });
  await Promise.race([ready, ended]);
  await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, loadMs))]);
  child.kill('SIGKILL');
  assert.is(await ended, 'SIGKILL', errors);
  assert.is(errors, '');
  return said.split('\n').slice(1, -1);
}

/** The tape as its writer knew it: what is on it, and where the next write goes. */
class CrashTape {
  words: string[] = [];
  at = 0;
  acknowledgedCount = 0;

  hear(lines: readonly string[], cycle: number): void {
    for (const line of lines) {
      const [kind, at, count, lengthBytes] = line.split(' ') as [string, string, string, string];
      this.at = Number(at);
      if (kind === 'locate') continue;
      const word = kind === 'mark' ? 'mark' : crashWord(cycle, Number(lengthBytes));
      this.words = [...this.words.slice(0, this.at), ...Array<string>(Number(count)).fill(word)];
      this.at = this.words.length;
      this.acknowledgedCount += Number(count);
    }
  }

  /** Everything acknowledged is there; the write that was under way may have taken what was behind it, and be there in part. */
  check(found: readonly string[], cycle: number): void {
    const same = found.length === this.words.length && found.every((word, index) => word === this.words[index]);
    const newer = found.slice(this.at);
    const isKept = found.length >= this.at && this.words.slice(0, this.at).every((word, index) => word === found[index]);
    const isUnderWay = newer.length <= OPERATION_COUNT_MAX && newer.every((word) => word === 'mark' || word.startsWith(`${cycle}:`));
    const tail = (words: readonly string[]) => words.slice(Math.max(0, this.at - 3)).join(' ');
    assert.ok(same || (isKept && isUnderWay), `cycle ${cycle}, seed ${SEED}: at ${this.at} of ${tail(this.words)} there is ${tail(found)}`);
    this.words = [...found];
  }
}

test(`${CRASH_COUNT} times kill -9: a tape has all that was acknowledged, in order, and nothing of what was overwritten`, async ({ folder }) => {
  const random = seededRandom(SEED);
  const path = join(folder, 'crash.tape');
  const tape = new CrashTape();
  for (let cycle = 0; cycle < CRASH_COUNT; cycle++) {
    // It begins at the end of data.
    tape.at = tape.words.length;
    tape.hear(await writeUntilKilled(path, cycle, random.uint32(), random.below(LOAD_MS_MAX)), cycle);
    assert.ok(existsSync(`${path}.lock`), 'it was killed with the image open');
    const drive = create({ limits: defaultLimits, owner: 'check' });
    drive.load({ path, readOnly: cycle % 2 === 0, create: null });
    tape.check(crashWords(drive), cycle);
    assert.is(drive.unload().fault, null);
  }
  process.stdout.write(`LUNLOOM_SEED=${SEED}: ${tape.acknowledgedCount} objects acknowledged, ${tape.words.length} on the tape\n`);
  assert.ok(tape.acknowledgedCount > CRASH_COUNT);
});

test.run();
