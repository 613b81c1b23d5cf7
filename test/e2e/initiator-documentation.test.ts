import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Engine } from '../../engine/engine.js';
import { repositoryRoot } from '../support/repository-root.js';
import { runNode } from '../support/run-node.js';

const PAGE = 'docs/initiator-sessions.md';
const library = new URL('../../initiator/index.js', import.meta.url).href;
const SECRETS = { HOST1_SECRET: 'secret of the host', ARRAY_SECRET: 'secret of the array' };

const examples = [...readFileSync(join(repositoryRoot(), PAGE), 'utf8').matchAll(/^(#+ .+)$|^```js\n([\s\S]*?)^```$/gm)];
const folder = mkdtempSync(join(tmpdir(), 'lunloom-documentation-'));
let engine: Engine;

test.before(async () => {
  Object.assign(process.env, SECRETS);
  const luns = [{ lun: 0, store: { kind: 'ram', sizeBytes: 1024 * 1024 }, blockLengthBytes: 512, readOnly: false }] as const;
  engine = await Engine.start({
    portals: [{ address: '127.0.0.1', port: 0 }],
    targets: [
      { name: 'iqn.2026-11.io.lunloom:demo', luns },
      {
        name: 'iqn.2026-11.io.lunloom:guarded',
        users: [{ name: 'host1', secret: { env: 'HOST1_SECRET' } }],
        mutual: { name: 'disk-array', secret: { env: 'ARRAY_SECRET' } },
        luns,
      },
    ],
    execution: 'inline',
    workerCount: 0,
    insecure: false,
    limits: { defaultTime2WaitSecondsMin: 0 },
  });
});
test.after(async () => {
  rmSync(folder, { recursive: true });
  await engine.stop({ immediately: true });
});

let heading = '';
let count = 0;
for (const [, headingText, code] of examples) {
  if (headingText !== undefined) heading = headingText;
  if (code === undefined) continue;
  const path = join(folder, `${count++}.mjs`);
  test(`the example below "${heading}" runs`, async () => {
    writeFileSync(path, code.replace("'lunloom/initiator'", JSON.stringify(library)).replaceAll('3260', String(engine.portals[0]?.port)));
    const { exitCode, output } = await runNode(path, SECRETS);
    assert.is(exitCode, 0, output);
    // A script that waits for what never comes ends with 0 too when nothing holds it: it must have come to its end.
    assert.not.ok(output.includes('unsettled top-level await'), output);
  });
}

test('there are examples', () => {
  assert.ok(count >= 6);
});

test.run();
