import { formatByteSize, parseByteSize } from '../engine/config/byte-size.js';
import { didYouMean } from '../engine/config/did-you-mean.js';
import { TargetError } from '../engine/errors.js';
import { LUN_MAX } from '../engine/pdu/lun.js';
import { ACCESS_STATE_NAMES } from '../engine/scsi/alua/access-state.js';
import type { TargetUnits, UnitStatus } from '../engine/units/unit-status.js';
import { ControlClient, chooseControlSocket } from './control-client.js';
import { shownSize } from './json-values.js';
import { parseLunOption } from './lun-option.js';
import type { ProgramOutput } from './program-output.js';
import { alignedCells } from './ready-block.js';
import type { RawUnitOptions, UnitRequest } from './unit-commands.js';

/** A removal waits for the commands of the unit to end. */
const ANSWER_MS_MAX = 15 * 60_000;

export interface UnitOperation {
  readonly operation: string;
  readonly params: Readonly<Record<string, unknown>>;
}

/** `lunloom lun` and `lunloom alua`. Throws `TargetError`: `CONTROL_…`, and what the target refuses with. */
export async function runUnitsCommand(request: UnitRequest, options: RawUnitOptions, output: ProgramOutput): Promise<void> {
  const operation = operationOf(request, options);
  const client = await ControlClient.open(chooseControlSocket(options.control));
  try {
    if (operation !== null) {
      const answer = await client.request(operation.operation, operation.params, ANSWER_MS_MAX);
      if (request.verb === 'do') {
        printAnswer(answer, options, output);
        return;
      }
      if (options.json === true) output.event({ event: operation.operation, ...operation.params });
      return;
    }
    print(request, options, (await client.request('lun-list')) as TargetUnits[], output);
  } finally {
    client.close();
  }
}

/** What to ask the target to change; null for a list. Values that only the target can judge go as they are. */
export function operationOf(request: UnitRequest, { target, force, transitionMs }: RawUnitOptions): UnitOperation | null {
  const where = target === undefined ? {} : { target };
  switch (request.verb) {
    case 'list':
    case 'alua-list':
      return null;
    case 'add': {
      const { raw, fault } = parseLunOption(request.lun, process.cwd());
      if (fault !== undefined) throw usage(fault);
      return { operation: 'lun-add', params: { ...where, lun: raw } };
    }
    case 'resize': {
      const size = parseByteSize(request.size);
      if (size.fault !== undefined) throw usage(size.fault);
      return { operation: 'lun-resize', params: { ...where, lun: lunOf(request.lun), sizeBytes: size.value, force: force === true } };
    }
    case 'eject':
      return { operation: 'lun-eject', params: { ...where, lun: lunOf(request.lun), force: force === true } };
    case 'remove':
    case 'load':
      return { operation: `lun-${request.verb}`, params: { ...where, lun: lunOf(request.lun) } };
    case 'do':
      return { operation: 'lun-do', params: { ...where, lun: lunOf(request.lun), operation: request.operation, arguments: request.args } };
    case 'alua-set': {
      const state = ACCESS_STATE_NAMES.find((name) => name === request.state);
      const hint = didYouMean(request.state, ACCESS_STATE_NAMES);
      if (state === undefined) throw usage(`expected ${ACCESS_STATE_NAMES.join(', ')}, found ${JSON.stringify(request.state)}${hint}`);
      const time = transitionMs === undefined ? {} : { transitionMs: wholeNumber('--transition-ms', transitionMs, Number.MAX_SAFE_INTEGER) };
      return { operation: 'alua-set', params: { ...where, group: wholeNumber('the target port group', request.group, 0xffff), state, ...time } };
    }
  }
}

function usage(message: string): TargetError {
  return new TargetError('CONTROL_USAGE', message);
}

function lunOf(text: string): number {
  return wholeNumber('the LUN', text, LUN_MAX);
}

function wholeNumber(what: string, text: string, max: number): number {
  const value = /^[0-9]{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value <= max)) throw usage(`expected ${what} to be a whole number from 0 to ${max}, found ${JSON.stringify(text)}`);
  return value;
}

function print(request: UnitRequest, options: RawUnitOptions, targets: readonly TargetUnits[], output: ProgramOutput): void {
  if (options.json === true) {
    output.event({ event: request.verb === 'list' ? 'lun-list' : 'alua-list', targets });
    return;
  }
  for (const { name, luns, portGroups } of targets) {
    output.resultLine(name);
    const rows =
      request.verb === 'list'
        ? luns.map(unitCells)
        : portGroups.map(({ id, portals, state, preferred }) => [`group ${id}`, `portals ${portals.join(' ')}`, state, preferred ? 'preferred' : '']);
    for (const line of alignedCells(rows)) output.resultLine(`  ${line}`);
  }
}

/** Lists of mappings as rows under each other, texts as they are, anything else as JSON. */
function printAnswer(answer: unknown, options: RawUnitOptions, output: ProgramOutput): void {
  if (options.json === true) output.event({ event: 'lun-do', answer });
  else if (typeof answer === 'string') output.resultLine(answer);
  else if (Array.isArray(answer)) for (const line of alignedCells(answer.map(cellsOf))) output.resultLine(line);
  else if (answer !== null && answer !== undefined) output.resultLine(JSON.stringify(answer));
}

function cellsOf(row: unknown): string[] {
  if (typeof row !== 'object' || row === null) return [String(row)];
  return Object.values(row).map((cell) => (cell === null || cell === undefined ? '' : String(cell)));
}

function unitCells(unit: UnitStatus): string[] {
  const { physicalBlockLengthBytes } = unit;
  const hasOwn = physicalBlockLengthBytes !== null && physicalBlockLengthBytes !== unit.blockLengthBytes;
  const blocks = hasOwn ? ` (${formatByteSize(physicalBlockLengthBytes)} physical)` : '';
  return [
    `LUN ${unit.lun}`,
    unit.store,
    unit.sizeBytes === null ? '' : shownSize(unit.sizeBytes),
    unit.blockLengthBytes === null ? '' : `${unit.blockLengthBytes}-byte blocks${blocks}`,
    unit.readOnly ? 'read only' : 'read-write',
    unit.thin ? `thin, ${unit.usedBytes ? shownSize(unit.usedBytes) : 0} used` : '',
    unit.removable ? (unit.loaded ? 'removable' : 'ejected') : '',
    unit.execution,
    `naa.${unit.naa}`,
    unit.detail,
  ];
}
