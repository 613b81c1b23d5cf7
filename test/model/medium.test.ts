// test-timeout: 120 s
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import { openProtectedStore } from '../../engine/store/open-protected-store.js';
import { openStore } from '../../engine/store/open-store.js';
import { generateMediumOperations } from './medium-operations.js';
import { boundsOf, type MediumKind, MediumScenario } from './medium-scenario.js';
import { checkSeconds, checkSequences } from './sequence-search.js';

const folder = mkdtempSync(join(tmpdir(), 'lunloom-model-'));
test.after(() => rmSync(folder, { recursive: true }));

const path = join(folder, 'medium.img');

function ram(blockLengthBytes: number, thin: boolean, blockCount: number): MediumKind {
  const sizeBytes = blockLengthBytes * blockCount;
  return {
    name: `ram, ${blockLengthBytes}-byte blocks${thin ? ', thin' : ''}`,
    blockLengthBytes,
    thin,
    sizeBytes,
    open: () => openStore({ kind: 'ram', sizeBytes }, { readOnly: false, blockLengthBytes }),
    contentOf: () => null,
  };
}

function file(blockLengthBytes: number, thin: boolean, blockCount: number): MediumKind {
  const sizeBytes = blockLengthBytes * blockCount;
  return {
    name: `file, ${blockLengthBytes}-byte blocks${thin ? ', thin' : ''}`,
    blockLengthBytes,
    thin,
    sizeBytes,
    open: () => {
      closeSync(openSync(path, 'a'));
      truncateSync(path, 0);
      truncateSync(path, sizeBytes);
      return openStore({ kind: 'file', path, direct: false }, { readOnly: false, blockLengthBytes });
    },
    contentOf: () => readFileSync(path),
  };
}

/** Protection information that no command brings or takes: the data is the same with and without. */
function protectedRam(blockLengthBytes: number, protectionType: 1 | 2 | 3, blockCount: number): MediumKind {
  const plain = ram(blockLengthBytes, true, blockCount);
  return {
    ...plain,
    name: `${plain.name}, protection type ${protectionType}`,
    protectionType,
    open: () => openProtectedStore({ kind: 'ram', sizeBytes: plain.sizeBytes }, { readOnly: false, blockLengthBytes }),
  };
}

const kinds: readonly MediumKind[] = [
  ram(512, true, 600),
  ram(512, false, 300),
  ram(4096, true, 40),
  ram(520, true, 301),
  ram(520, false, 64),
  file(512, true, 600),
  file(4096, true, 40),
  file(520, true, 301),
  file(512, false, 300),
  protectedRam(512, 1, 300),
  protectedRam(512, 2, 300),
  protectedRam(4096, 3, 40),
];

for (const kind of kinds) {
  test(`medium commands agree with an array of bytes: ${kind.name}`, async () => {
    await checkSequences(
      {
        name: kind.name,
        generate: (random) => generateMediumOperations(random, boundsOf(kind)),
        faultOf: (operations) => new MediumScenario(kind).faultOf(operations),
      },
      checkSeconds / kinds.length,
    );
  });
}

test.run();
