import type { CommandSlot } from '../../shm/command-slot.js';
import { ALL_BITS, CONTROL_UNUSED } from '../cdb.js';
import type { Deferral, UnitCommandRow } from '../command-table.js';
import type { LogicalUnit } from '../logical-unit.js';
import { parameterListOf, planParameterList } from '../parameter-list.js';
import { Asc, checkCondition, invalidFieldInCdb, SenseKey } from '../sense.js';
import { isWritable, LateAnswer } from './background-work.js';
import { SANITIZE_OPCODE, SanitizeOperation } from './sanitize-operation.js';
import { OVERWRITE_HEADER_LENGTH, type OverwriteRequest, readOverwriteList } from './sanitize-request.js';

/*
 * SANITIZE, SBC-3 "SANITIZE command".
 *
 *     0| 0x48 | IMMED ZNR AUSE . Service Action | Reserved (5) |
 *     7| Parameter List Length                  | Control      |
 *
 * ZNR is for zoned devices; here it is reserved.
 */
const IMMED_BIT = 0x80;
const AUSE_BIT = 0x20;
const AUSE_BIT_NUMBER = 5;
const SERVICE_ACTION_BIT_NUMBER = 4;
const PARAMETER_LIST_LENGTH_AT = 7;
const OVERWRITE = 0x01;
const BLOCK_ERASE = 0x02;
const CRYPTOGRAPHIC_ERASE = 0x03;
const EXIT_FAILURE_MODE = 0x1f;

/** Longer than most media take: initiators that wait for it should rather ask for IMMED. */
const HOURS_SECONDS = 3600;
const TIMEOUT_SECONDS = { nominal: HOURS_SECONDS, recommended: 24 * HOURS_SECONDS } as const;

function sanitizeRow(
  serviceAction: number,
  name: string,
  flags: number,
  row: Pick<UnitCommandRow, 'plan' | 'execute' | 'cdbIgnored' | 'timeoutSeconds'>,
): UnitCommandRow {
  return {
    runsOn: 'main',
    reservation: 'write',
    opcode: SANITIZE_OPCODE,
    serviceAction,
    name,
    clause: `SBC-3 "${name.replace('SANITIZE', 'SANITIZE command with')} service action"`,
    cdbLength: 10,
    cdbUsage: [SANITIZE_OPCODE, flags | serviceAction, 0x00, 0x00, 0x00, 0x00, 0x00, ALL_BITS, ALL_BITS, CONTROL_UNUSED],
    ...row,
  };
}

/** Without parameters. */
function eraseRow(serviceAction: number, name: string): UnitCommandRow {
  return sanitizeRow(serviceAction, name, IMMED_BIT | AUSE_BIT, {
    timeoutSeconds: TIMEOUT_SECONDS,
    plan(command, unit) {
      if (hasNoParameters(command)) isStartable(command, unit);
    },
    execute(command, unit, _nexus, deferral) {
      startSanitize(command, unit, deferral, null);
    },
  });
}

const overwriteRow = sanitizeRow(OVERWRITE, 'SANITIZE OVERWRITE', IMMED_BIT | AUSE_BIT, {
  timeoutSeconds: TIMEOUT_SECONDS,
  plan(command, unit) {
    const lengthBytes = command.cdbView.getUint16(PARAMETER_LIST_LENGTH_AT);
    const lengthBytesMax = OVERWRITE_HEADER_LENGTH + (unit.medium?.blockLengthBytes ?? 0);
    if (lengthBytes <= OVERWRITE_HEADER_LENGTH || lengthBytes > lengthBytesMax) return invalidFieldInCdb(command, PARAMETER_LIST_LENGTH_AT);
    if (isStartable(command, unit)) planParameterList(command, lengthBytes, PARAMETER_LIST_LENGTH_AT);
  },
  execute(command, unit, _nexus, deferral) {
    const overwrite = readOverwriteList(command, parameterListOf(command), unit.medium?.blockLengthBytes ?? 0);
    if (overwrite !== null) startSanitize(command, unit, deferral, overwrite);
  },
});

const exitFailureModeRow = sanitizeRow(EXIT_FAILURE_MODE, 'SANITIZE EXIT FAILURE MODE', 0, {
  // They say how to sanitize, which this does not.
  cdbIgnored: [0x00, IMMED_BIT | AUSE_BIT, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00],
  plan(command) {
    hasNoParameters(command);
  },
  execute(command, unit, _nexus, deferral) {
    const operation = unit.part(SanitizeOperation);
    if (operation.isRestricted) return invalidFieldInCdb(command, 1, SERVICE_ACTION_BIT_NUMBER);
    if (operation.state === 'idle') return;
    const answer = new LateAnswer(deferral);
    void operation.exitFailure().then((isDone) => answer.give(() => isDone || endUnsaved(command)));
  },
});

export const sanitizeRows: readonly UnitCommandRow[] = [
  overwriteRow,
  eraseRow(BLOCK_ERASE, 'SANITIZE BLOCK ERASE'),
  // There is no key to change, so that the data itself goes: what can be read afterwards is the same, zeros.
  eraseRow(CRYPTOGRAPHIC_ERASE, 'SANITIZE CRYPTOGRAPHIC ERASE'),
  exitFailureModeRow,
];

function hasNoParameters(command: CommandSlot): boolean {
  if (command.cdbView.getUint16(PARAMETER_LIST_LENGTH_AT) === 0) return true;
  invalidFieldInCdb(command, PARAMETER_LIST_LENGTH_AT);
  return false;
}

/** False when it has ended the command. After a failure that may not be left, the next sanitize may not allow it either. */
function isStartable(command: CommandSlot, unit: LogicalUnit): boolean {
  if (!isWritable(command, unit)) return false;
  if (!unit.part(SanitizeOperation).isRestricted || ((command.cdb[1] as number) & AUSE_BIT) === 0) return true;
  invalidFieldInCdb(command, 1, AUSE_BIT_NUMBER);
  return false;
}

/** With IMMED the command ends when the sanitize is certain to go on, otherwise with it. To abort the command is not to abort the sanitize. */
function startSanitize(command: CommandSlot, unit: LogicalUnit, deferral: Deferral, overwrite: OverwriteRequest | null): void {
  const flags = command.cdb[1] as number;
  const answersAtOnce = (flags & IMMED_BIT) !== 0;
  const answer = new LateAnswer(deferral);
  const onStarted = () => {
    if (answersAtOnce) answer.give(() => {});
  };
  const operation = unit.part(SanitizeOperation);
  void operation.start({ overwrite, allowsUnrestrictedExit: (flags & AUSE_BIT) !== 0 }, onStarted).then((outcome) =>
    answer.give(() => {
      if (outcome === 'unsaved') endUnsaved(command);
      else if (outcome === 'failed') checkCondition(command, SenseKey.mediumError, Asc.sanitizeCommandFailed);
    }),
  );
}

function endUnsaved(command: CommandSlot): void {
  checkCondition(command, SenseKey.hardwareError, Asc.internalTargetFailure);
}
