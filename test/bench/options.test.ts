import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { contenders } from '../../bench/compare/contenders.js';
import { parsePlan } from '../../bench/compare/options.js';
import { workloads } from '../../bench/compare/workloads.js';

const names = (rows: readonly { readonly name: string }[]): string[] => rows.map(({ name }) => name);
const usageError = (part: string) => (error: { code?: string; message: string }) => error.code === 'BENCH_USAGE' && error.message.includes(part);

test('names of rows are unique, contenders and workloads together: --only cannot tell them apart', () => {
  const all = [...names(contenders), ...names(workloads)];
  assert.equal(all, [...new Set(all)]);
});

test('the usual plan has all contenders, and all workloads but those to be named', () => {
  const plan = parsePlan([]);
  assert.equal(names(plan.contenders), names(contenders));
  assert.equal(
    plan.workloads,
    workloads.filter(({ runs }) => runs !== 'when-named'),
  );
  assert.is(plan.warmUpRounds, 1);
});

test('--quick fits three minutes with the rows there are aims for, and what is said stands above it', () => {
  const quick = parsePlan(['--quick']);
  assert.equal(names(quick.contenders), ['inline', 'auto', 'poll', 'tgt', 'c-floor']);
  assert.equal(names(quick.workloads).sort(), ['mixed-4k-q32', 'read-4k-q1', 'read-4k-q32', 'read-64k-q32', 'tur-q1', 'write-4k-q32', 'write-64k-q8']);
  const runSeconds = (quick.rounds + quick.warmUpRounds) * (quick.seconds + 0.5) * quick.workloads.length * quick.contenders.length;
  assert.ok(runSeconds < 165, String(runSeconds));
  const { rounds, seconds, warmUpRounds } = parsePlan(['--quick', '--rounds', '7', '--seconds', '3', '--no-warm-up']);
  assert.equal([rounds, seconds, warmUpRounds], [7, 3, 0]);
});

test('--only narrows the kinds that it names', () => {
  const plan = parsePlan(['--only', 'tgt,inline', '--only', 'core-read-4k-q32']);
  assert.equal(names(plan.contenders), ['inline', 'tgt']);
  assert.equal(names(plan.workloads), ['core-read-4k-q32']);
  assert.equal(names(parsePlan(['--only', 'tur-q1']).contenders), ['inline', 'pool', 'auto', 'poll', 'no-poll', 'tgt', 'istgt', 'node-floor', 'c-floor']);
  assert.equal(names(parsePlan(['--only', 'tur-q1', '--contenders', 'pool,tgt']).contenders), ['pool', 'tgt']);
  assert.throws(() => parsePlan(['--contenders', 'tur-q1']), usageError('nothing is named tur-q1'));
});

test('--url adds a contender that nothing is written to, unless that is said', () => {
  const url = 'lab=iscsi://10.0.0.1:3260/iqn.2001-04.com.example:disk/0';
  const [lab] = parsePlan(['--url', url, '--only', 'lab']).contenders;
  assert.is(lab?.name, 'lab');
  assert.is(lab?.mayOverwrite, false);
  assert.is(parsePlan(['--url', url, '--overwrite-urls', '--only', 'lab']).contenders[0]?.mayOverwrite, true);
});

test('what is misspelt is told', () => {
  assert.throws(() => parsePlan(['--only', 'inlin']), usageError('did you mean inline?'));
  assert.throws(() => parsePlan(['--baseline', 'nothing-like-it']), usageError('there are inline, pool, auto, poll, no-poll, tgt'));
  assert.throws(() => parsePlan(['--url', 'lab']), usageError('NAME=iscsi://'));
  assert.throws(() => parsePlan(['--url', 'tgt=iscsi://h/iqn.x:y/0']), usageError('two contenders named tgt'));
  assert.throws(
    () => parsePlan(['--url', 'lab=iscsi://nowhere']),
    (error: { code?: string }) => error.code === 'URL_INVALID',
  );
});

test('a contender over memory stands for those over files, which run for the workloads of files only', () => {
  assert.equal(names(parsePlan(['--only', 'auto,tgt,direct-read-64k-q32']).contenders), ['auto-direct', 'tgt-direct']);
  assert.equal(names(parsePlan(['--only', 'auto,read-4k-q1,file-read-64k-q32']).contenders), ['auto', 'auto-file']);
});

test.run();
