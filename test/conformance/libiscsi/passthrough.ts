import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LunloomProcess } from '../../support/lunloom-process.js';
import { describeOutcome } from '../libiscsi-suites.js';
import { type Configuration, SECRET } from './configurations.js';
import type { ConfigurationResult } from './run-configuration.js';
import type { RunningTarget, TargetKind } from './targets.js';

const LONGEST_TRANSFER_BYTES = 64 * 1024 * 1024;
const TARGET_NAME = 'iqn.2026-11.io.lunloom:passthrough';

/** Lunloom in front of another target, whose first unit it passes on: to its initiators it must be the same unit. */
export function passthroughKind(behind: TargetKind): TargetKind {
  return {
    name: `passthrough to ${behind.name}`,
    async start(configuration): Promise<RunningTarget> {
      const remote = await behind.start(configuration);
      try {
        return await startFront(remote, configuration);
      } catch (error) {
        await remote.stop();
        throw error;
      }
    },
  };
}

async function startFront(remote: RunningTarget, { user, hasTwoPaths }: Configuration): Promise<RunningTarget> {
  const folder = mkdtempSync(join(tmpdir(), 'lunloom-passthrough-'));
  const file = join(folder, 'secret');
  writeFileSync(file, `${SECRET}\n`, { mode: 0o600 });
  const lun = { lun: 0, store: `passthrough:${remote.urls[0]}` };
  const config = {
    targets: [{ name: TARGET_NAME, luns: [lun], users: [{ name: user, secret: { file } }] }],
    // tgt takes longer commands than we do by ourselves.
    limits: { loginFailureDelayMsMax: 0, passthroughRetryMsMin: 20, transferLengthBytesMax: LONGEST_TRANSFER_BYTES },
  };
  const portals = hasTwoPaths ? ['127.0.0.1:0', '127.0.0.1:0,2'] : ['127.0.0.1:0'];
  const front = await LunloomProcess.start({ config, portals });
  return {
    urls: portals.map((_, index) => `iscsi://${user}%${SECRET}@${front.portals[index]}/${TARGET_NAME}/0`),
    async stop() {
      const { exitCode } = await front.stop();
      await remote.stop();
      rmSync(folder, { recursive: true });
      if (exitCode !== 0) throw new TypeError(`lunloom serve ended with ${exitCode} and said: ${front.stderr}`);
    },
  };
}

/** Every test of which the verdict is another through the passthrough than without it, and no better; empty when there is none. */
export function renderDifferences(direct: ConfigurationResult, through: ConfigurationResult): string {
  const directVerdicts = verdictsOf(direct);
  const lines: string[] = [];
  for (const test of [...through.passed, ...through.skipped, ...through.failed]) {
    const name = `${test.suite}.${test.name}`;
    const before = directVerdicts.get(name);
    directVerdicts.delete(name);
    // The protocol is ours, and so is task management that the target behind lacks.
    const isBetter = before !== undefined && test.verdict === 'passed';
    if (before !== test.verdict && !isBetter) lines.push(`  ${name}: ${before ?? 'not run'} directly, ${describeOutcome(test)} through it`);
  }
  for (const name of directVerdicts.keys()) lines.push(`  ${name} ran directly only`);
  return lines.length === 0 ? '' : `${through.target}, ${through.configuration}:\n${lines.join('\n')}\n`;
}

function verdictsOf({ passed, skipped, failed }: ConfigurationResult): Map<string, string> {
  return new Map([...passed, ...skipped, ...failed].map(({ suite, name, verdict }) => [`${suite}.${name}`, verdict]));
}
