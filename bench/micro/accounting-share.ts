import { type Summary, summarize } from '../compare/statistics.js';
import { AccountingCase } from './cases/accounting.js';
import { clockReadsPerCommand, PathCase } from './cases/path.js';
import { PATH_DEPTH } from './inline-path.js';
import type { MicroResult } from './model.js';

/** Commands a second and core that the 4 KiB path is meant to reach with its socket: what a command may cost there. */
const WHOLE_PATH_PER_SECOND = 125_000;
const WHOLE_PATH_NS = 1e9 / WHOLE_PATH_PER_SECOND;
/** What stage accounting may take of the 4 KiB path. */
export const ACCOUNTING_SHARE_MAX = 0.02;

/** What stage accounting costs a command, in nanoseconds. */
export interface AccountingShare {
  readonly stampsPerCommand: number;
  /** Stamps, counters and histograms, measured one by one and added up. */
  readonly partsNs: number;
  /** The 4 KiB read with accounting less the one without, round by round. */
  readonly differenceNs: Summary;
  /** The 4 KiB read through the engine without a socket. */
  readonly pathNs: number;
  readonly shareOfPath: number;
  /** The same against what a command costs with its socket, at `wholePathNs`. */
  readonly wholePathNs: number;
  readonly shareOfWholePath: number;
}

/** Null when a case that it needs was not measured. */
export function accountingShareOf(results: readonly MicroResult[]): AccountingShare | null {
  const find = (name: string): MicroResult | undefined => results.find((result) => result.name === name);
  const stamp = find(AccountingCase.stamp);
  const command = find(AccountingCase.recordCommand);
  const stages = find(AccountingCase.recordStages);
  const dispatch = find(AccountingCase.recordDispatch);
  const path = find(PathCase.read);
  const bare = find(PathCase.readWithoutAccounting);
  if (stamp === undefined || command === undefined || stages === undefined || dispatch === undefined || path === undefined || bare === undefined) return null;
  const differences = path.roundNs.map((ns, round) => ns - (bare.roundNs[round] as number));
  const differenceNs = summarize(differences);
  if (differenceNs === null) return null;
  const stampsPerCommand = clockReadsPerCommand();
  const partsNs = stampsPerCommand * stamp.ns.median + command.ns.median + stages.ns.median + dispatch.ns.median;
  return {
    stampsPerCommand,
    partsNs,
    differenceNs,
    pathNs: path.ns.median,
    shareOfPath: partsNs / path.ns.median,
    wholePathNs: WHOLE_PATH_NS,
    shareOfWholePath: partsNs / WHOLE_PATH_NS,
  };
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

export function describeAccounting(share: AccountingShare): string {
  const { stampsPerCommand, partsNs, differenceNs, pathNs, shareOfPath, wholePathNs, shareOfWholePath } = share;
  const verdict = `${shareOfWholePath < ACCOUNTING_SHARE_MAX ? 'under' : 'NOT under'} ${percent(ACCOUNTING_SHARE_MAX)}`;
  const pace = `${WHOLE_PATH_PER_SECOND.toLocaleString('en-US')} a second`;
  return [
    'stage accounting a command',
    `  ${Math.round(partsNs)} ns: ${stampsPerCommand.toFixed(2)} stamps with ${PATH_DEPTH} outstanding, counters and histograms, each measured alone`,
    `  ${Math.round(differenceNs.median)} ns (${Math.round(differenceNs.min)} – ${Math.round(differenceNs.max)}): the 4 KiB read with it less the one without`,
    `  ${percent(shareOfPath)} of the ${Math.round(pathNs)} ns that the 4 KiB read takes without a socket`,
    `  ${percent(shareOfWholePath)} of the ${Math.round(wholePathNs)} ns that it may take with one (${pace}): ${verdict}`,
  ].join('\n');
}
