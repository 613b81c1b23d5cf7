import { ConfigError } from '../engine/config/problem.js';
import { LunError, TargetError } from '../engine/errors.js';
import { RefusedByTarget } from './control-client.js';

/** What the process says when it ends. Stable: scripts and service managers match on these. */
export const ExitCode = {
  /** Stopped cleanly, or had nothing to do but answer. */
  ok: 0,
  /** What was measured or copied failed: commands ended with errors, data was wrong, a file could not be read or written. */
  failed: 1,
  /** An option or argument is wrong. */
  usage: 2,
  /** The configuration is wrong, unreadable, or asks for what is refused. */
  configuration: 3,
  /** A portal cannot be opened: in use, not ours, not permitted. */
  cannotListen: 4,
  /** A backing store or a device cannot be opened. */
  cannotOpenStore: 5,
  /** A target cannot be reached, refuses the login, breaks the protocol or is lost. */
  cannotReachTarget: 6,
  /** A fault of Lunloom itself. `EX_SOFTWARE` of sysexits.h. */
  internal: 70,
  /** A second signal ended it before it had stopped, or a signal cut a measurement or a copy short. 128 + SIGINT, as shells say it. */
  interrupted: 130,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

const CODE_PREFIXES: readonly (readonly [string, ExitCode])[] = [
  ['CONFIG_', ExitCode.configuration],
  ['LIMIT_', ExitCode.configuration],
  ['STATE_', ExitCode.configuration],
  ['LISTEN_', ExitCode.cannotListen],
  ['STORE_', ExitCode.cannotOpenStore],
  ['LUN_', ExitCode.failed],
  ['TARGET_UNKNOWN', ExitCode.failed],
  ['PORT_GROUP_', ExitCode.failed],
  ['CONTROL_USAGE', ExitCode.usage],
  ['CONTROL_', ExitCode.cannotReachTarget],
  ['LOAD_USAGE', ExitCode.usage],
  ['PROFILE_OPTIONS', ExitCode.usage],
  ['PROFILE_', ExitCode.failed],
  ['LOAD_TARGET', ExitCode.cannotReachTarget],
  ['LOAD_FAILED', ExitCode.failed],
  ['LOAD_STOPPED', ExitCode.interrupted],
  ['INITIATOR_USAGE', ExitCode.usage],
  ['INITIATOR_FAILED', ExitCode.failed],
  ['INITIATOR_TARGET', ExitCode.cannotReachTarget],
  ['COPY_USAGE', ExitCode.usage],
  ['COPY_STOPPED', ExitCode.interrupted],
  ['COPY_', ExitCode.failed],
];

/** The exit code that an error of any kind asks for. */
export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof ConfigError && isUsageError(error)) return ExitCode.usage;
  if (!(error instanceof TargetError)) return ExitCode.internal;
  // Device kinds have codes of their own, which are not known here.
  if (error instanceof LunError) return ExitCode.cannotOpenStore;
  return CODE_PREFIXES.find(([prefix]) => error.code.startsWith(prefix))?.[1] ?? (error instanceof RefusedByTarget ? ExitCode.failed : ExitCode.internal);
}

/** Of values that are right in themselves: what they lead to is refused. */
const DECISION_CODES: ReadonlySet<string> = new Set(['CONFIG_OPEN_PORTAL', 'CONFIG_SECRET']);

/** Wrong values on the command line are usage; a portal or a secret that is refused is a decision about the configuration. */
function isUsageError(error: ConfigError): boolean {
  return error.problems.every((problem) => problem.origin.kind === 'option' && !DECISION_CODES.has(problem.code));
}
