import { coreInitiator, probeMedium } from '../bench/compare/core-initiator.js';
import { iscsiPerf } from '../bench/compare/iscsi-perf.js';
import type { InitiatorName, Measurement } from '../bench/compare/model.js';
import { findProgram } from '../bench/compare/programs.js';
import { TargetError } from '../engine/errors.js';
import type { Scenario } from './scenarios.js';

/** The load of a scenario, by an initiator in a process of its own. */
export async function load(scenario: Scenario, url: string, seconds: number, name: InitiatorName): Promise<Measurement> {
  if (name === 'iscsi-perf' && findProgram(name) === null) throw new TargetError('BENCH_MISSING', 'iscsi-perf is not installed (Debian: libiscsi-bin)');
  const initiator = name === 'core' ? coreInitiator : iscsiPerf;
  const workload = { ...scenario, initiator: name, runs: 'always' } as const;
  return initiator.run({ url, medium: await probeMedium(url), workload, seconds: Math.ceil(seconds), seed: 1, targetPid: null });
}
