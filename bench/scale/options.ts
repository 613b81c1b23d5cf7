import { Command } from 'commander';
import { TargetError } from '../../engine/errors.js';
import { nameList, wholeNumber } from '../shared/program.js';
import { type PartName, partNames, type ScaleSettings } from './model.js';

export interface ScalePlan {
  readonly settings: ScaleSettings;
  readonly parts: readonly PartName[];
  readonly jsonFile: string | null;
  readonly markdownFile: string | null;
  readonly svgFile: string | null;
  readonly save: boolean;
}

interface RawOptions {
  readonly quick?: boolean;
  readonly idleSeconds?: number;
  readonly only: readonly string[];
  readonly json?: string;
  readonly markdown?: string;
  readonly svg?: string;
  readonly save?: boolean;
}

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
const TIB = 1024 ** 4;
/** The largest size that the engine takes, in whole blocks: it counts bytes in numbers. */
const LARGEST_BYTES = Number.MAX_SAFE_INTEGER - 4095;
const IDLE_SECONDS_MAX = 3600;

const USUAL: ScaleSettings = {
  startLunCounts: [1, 16, 256, 1024, 4096],
  startRounds: 5,
  lunCounts: [1, 16, 256, 1024, 4096],
  sessionCounts: [1, 10, 100, 300, 1000],
  sessionLunCounts: [1, 64, 1024],
  idleSeconds: 10,
  sizes: [MIB, GIB, TIB, 1024 * TIB, LARGEST_BYTES],
  fileSizes: [MIB, GIB, TIB, 15 * TIB, 1024 * TIB],
  depths: [1, 2, 4, 8, 16, 32, 64, 128],
  depthSeconds: 2,
  load: { stores: ['ram', 'file'], sessionCount: 64, depth: 128, lengthBytes: MIB, commandCount: 256 },
};

const QUICK: ScaleSettings = {
  ...USUAL,
  startLunCounts: [1, 4096],
  startRounds: 1,
  lunCounts: [1, 256, 4096],
  sessionCounts: [1, 100, 1000],
  sessionLunCounts: [1, 1024],
  idleSeconds: 4,
  sizes: [MIB, LARGEST_BYTES],
  fileSizes: [MIB, TIB],
  depths: [1, 8, 128],
  depthSeconds: 1,
  load: { ...USUAL.load, stores: ['file'], commandCount: 128 },
};

/** Parses the command line. Throws commander's `CommanderError` (help, misspelt options) and `TargetError` `BENCH_USAGE`. */
export function parseScalePlan(argv: readonly string[]): ScalePlan {
  const raw = buildCommand()
    .parse([...argv], { from: 'user' })
    .opts<RawOptions>();
  const unknown = raw.only.find((name) => !(partNames as readonly string[]).includes(name));
  if (unknown !== undefined) throw new TargetError('BENCH_USAGE', `no part is named ${unknown}; there are ${partNames.join(', ')}`);
  const settings = raw.quick === true ? QUICK : USUAL;
  return {
    settings: { ...settings, idleSeconds: raw.idleSeconds ?? settings.idleSeconds },
    parts: raw.only.length === 0 ? partNames : partNames.filter((name) => raw.only.includes(name)),
    jsonFile: raw.json ?? null,
    markdownFile: raw.markdown ?? null,
    svgFile: raw.svg ?? null,
    save: raw.save === true,
  };
}

function buildCommand(): Command {
  return new Command('bench:scale')
    .description('How does cost grow with sessions, LUNs, sizes and outstanding commands?')
    .option('--quick', 'fewer steps; under a minute')
    .option('--idle-seconds <n>', 'how long CPU time is watched while nothing is outstanding', wholeNumber(1, IDLE_SECONDS_MAX))
    .option('--only <parts>', `of ${partNames.join(', ')}, with commas between them; repeatable`, nameList, [])
    .option('--json <file>', 'write the results')
    .option('--markdown <file>', 'write the tables')
    .option('--svg <file>', 'draw the chart')
    .option('--save', 'write all three to bench/results/')
    .addHelpText('after', '\ndocs/scaling.md tells what is measured.')
    .allowExcessArguments(false)
    .exitOverride();
}
