import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { RefusedByTarget } from '../../cli/control-client.js';
import { exitCodeOf } from '../../cli/exit-codes.js';
import { AssertionFailure, LunError, TargetError } from '../../engine/errors.js';

test('error codes become the documented exit codes', () => {
  const table: readonly (readonly [string, number])[] = [
    ['CONFIG_OPEN_PORTAL', 3],
    ['LIMIT_OUT_OF_RANGE', 3],
    ['LISTEN_IN_USE', 4],
    ['STORE_NOT_FOUND', 5],
    ['INITIATOR_USAGE', 2],
    ['INITIATOR_FAILED', 1],
    ['INITIATOR_TARGET', 6],
    ['COPY_USAGE', 2],
    ['COPY_FILE', 1],
    ['COPY_FAILED', 1],
    ['COPY_STOPPED', 130],
    ['TEXT_VALUE_INVALID', 70],
  ];
  for (const [code, exitCode] of table) assert.is(exitCodeOf(new TargetError(code, 'x')), exitCode, code);
  assert.is(exitCodeOf(new AssertionFailure('x')), 70);
  assert.is(exitCodeOf(undefined), 70);
});

test('what a device kind says has a code that only it knows: of a start it is a store that cannot be opened, of a running target a refusal', () => {
  const fault = new TargetError('GRAMOPHONE_BROKEN', 'the needle is off');
  assert.is(exitCodeOf(new LunError(3, fault)), 5);
  assert.is(new LunError(3, fault).message, 'LUN 3: the needle is off');
  assert.is(new LunError(3, new LunError(3, fault)).message, 'LUN 3: the needle is off');
  assert.is(exitCodeOf(new RefusedByTarget('GRAMOPHONE_BROKEN', 'the needle is off')), 1);
  assert.is(exitCodeOf(new RefusedByTarget('STORE_NOT_FOUND', 'x')), 5);
});

test.run();
