import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ProgramOutput } from '../../cli/program-output.js';
import type { RawUnitOptions, UnitRequest } from '../../cli/unit-commands.js';
import { operationOf, runUnitsCommand } from '../../cli/units.js';
import { Engine } from '../../engine/engine.js';
import { TargetError } from '../../engine/errors.js';

function faultOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof TargetError) return `${error.code}: ${error.message}`;
    throw error;
  }
  return 'none';
}

test('what is typed becomes what is asked of the target', () => {
  assert.is(operationOf({ verb: 'list' }, {}), null);
  assert.equal(operationOf({ verb: 'add', lun: '3=ram:1GiB,thin=off' }, { target: 'iqn.x' }), {
    operation: 'lun-add',
    params: { target: 'iqn.x', lun: { lun: 3, store: 'ram:1GiB', thin: false } },
  });
  assert.equal(operationOf({ verb: 'remove', lun: '3' }, {}), { operation: 'lun-remove', params: { lun: 3 } });
  assert.equal(operationOf({ verb: 'resize', lun: '3', size: '2GiB' }, { force: true }), {
    operation: 'lun-resize',
    params: { lun: 3, sizeBytes: 2 ** 31, force: true },
  });
  assert.equal(operationOf({ verb: 'alua-set', group: '2', state: 'standby' }, { transitionMs: '500' }), {
    operation: 'alua-set',
    params: { group: 2, state: 'standby', transitionMs: 500 },
  });
});

test('what cannot be meant is usage', () => {
  assert.match(
    faultOf(() => operationOf({ verb: 'add', lun: 'ram:1GiB' }, {})),
    'CONTROL_USAGE: expected N=STORE',
  );
  assert.is(
    faultOf(() => operationOf({ verb: 'remove', lun: 'three' }, {})),
    'CONTROL_USAGE: expected the LUN to be a whole number from 0 to 16383, found "three"',
  );
  assert.match(
    faultOf(() => operationOf({ verb: 'resize', lun: '3', size: '1.5GiB' }, {})),
    'CONTROL_USAGE: expected a size such as 4096',
  );
  assert.match(
    faultOf(() => operationOf({ verb: 'alua-set', group: '2', state: 'active' }, {})),
    'CONTROL_USAGE: expected active-optimized, active-non-optimized, standby, unavailable, found "active"',
  );
});

test('a running target is changed over its control socket, and says what it serves', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'lunloom-units-'));
  const control = join(directory, 'control.sock');
  const store = { kind: 'ram', sizeBytes: 1024 ** 2 } as const;
  const engine = await Engine.start({
    portals: [{ address: '127.0.0.1', port: 0 }],
    targets: [
      { name: 'iqn.2025-01.dev.lunloom:units', luns: [{ lun: 0, store, blockLengthBytes: 512, readOnly: false, removable: true, naa: '5000c50012345678' }] },
    ],
    execution: 'inline',
    workerCount: 0,
    insecure: false,
    control,
    limits: {},
  });
  const run = async (request: UnitRequest, options: RawUnitOptions = {}): Promise<string> => {
    const lines: string[] = [];
    const output = { resultLine: (line: string) => lines.push(line), event: (event: unknown) => lines.push(JSON.stringify(event)) };
    await runUnitsCommand(request, { control, ...options }, output as unknown as ProgramOutput).catch((error: TargetError) => lines.push(error.code));
    return lines.join('\n');
  };
  try {
    assert.is(await run({ verb: 'add', lun: '3=ram:2MiB,thin=off,physical-block-size=4096' }), '');
    assert.is(await run({ verb: 'add', lun: '3=ram:2MiB' }), 'LUN_EXISTS');
    assert.is(await run({ verb: 'resize', lun: '3', size: '3MiB' }), '');
    assert.is(await run({ verb: 'eject', lun: '0' }), '');
    const [title, first, second] = (await run({ verb: 'list' })).split('\n').map((line) => line.replaceAll(/ {2,}/g, ' | ').trim());
    assert.is(title, 'iqn.2025-01.dev.lunloom:units');
    assert.is(first, '| LUN 0 | ram:1MiB | 1MiB | 512-byte blocks | read-write | thin, 0 used | ejected | inline | naa.5000c50012345678');
    assert.match(second ?? '', '| LUN 3 | ram:3MiB | 3MiB | 512-byte blocks (4KiB physical) | read-write | inline | naa.3');
    assert.is(await run({ verb: 'load', lun: '0' }, { json: true }), '{"event":"lun-load","lun":0}');
    assert.is(await run({ verb: 'alua-set', group: '1', state: 'standby' }, { transitionMs: '1000' }), '');
    assert.match(await run({ verb: 'alua-list' }), /group 1 +portals 1 +transitioning/);
    assert.is(await run({ verb: 'remove', lun: '3' }), '');
    assert.is(await run({ verb: 'remove', lun: '3' }), 'LUN_UNKNOWN');
    assert.is(await run({ verb: 'remove', lun: '0' }, { target: 'iqn.2025-01.dev.lunloom:other' }), 'TARGET_UNKNOWN');
  } finally {
    await engine.stop({ immediately: true });
    rmSync(directory, { recursive: true });
  }
});

test.run();
