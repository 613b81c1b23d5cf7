import { deviceKinds } from '../../../engine/devices/registry.js';
import { type CommandRow, type DeviceType, VARIABLE_LENGTH_OPCODE } from '../../../engine/scsi/command-table.js';
import { deviceTypes } from '../../../engine/scsi/device-types.js';
import { CommandEnd, type CommandSighting } from '../../support/command-coverage.js';

/** What the page tells of one row of a command table. */
export interface CoveredRow {
  readonly deviceType: DeviceType;
  readonly row: CommandRow;
  /** By how the command ended: the tests that have seen it, each once, by file and name. */
  readonly tests: Readonly<Record<CommandEnd, readonly CommandSighting[]>>;
}

/** Every row of every device type that can be configured, with its tests; those that a type shares with the disk stand there alone. */
export async function coveredRows(sightings: readonly CommandSighting[]): Promise<CoveredRow[]> {
  const ofKinds = await Promise.all(deviceKinds.map((kind) => kind.types()));
  return [...Object.values<DeviceType>(deviceTypes), ...ofKinds.flat()].flatMap((deviceType) =>
    rowsOfItsOwn(deviceType).map((row) => {
      const ofRow = sightings.filter((sighting) => sighting.deviceType === deviceType.name && sighting.command === row.name);
      const of = (end: CommandEnd) => ofRow.filter((sighting) => sighting.end === end);
      return { deviceType, row, tests: { success: of('success'), fieldError: of('fieldError'), conflict: of('conflict') } };
    }),
  );
}

function rowsOfItsOwn(deviceType: DeviceType): readonly CommandRow[] {
  const { rows } = deviceType.commands;
  return deviceType === deviceTypes.disk ? rows : rows.filter((row) => !deviceTypes.disk.commands.rows.includes(row));
}

const PERSISTENT_RESERVE_OUT = 0x5f;

/** Whether a reservation of another nexus can stop the command at all: not where nobody can reserve. */
function canConflict({ deviceType, row }: CoveredRow): boolean {
  return row.reservation !== 'always' && deviceType.commands.hasServiceActions(PERSISTENT_RESERVE_OUT);
}

/** How a row ought to have been seen and was not. */
export function missingEnds(covered: CoveredRow): CommandEnd[] {
  const wanted: CommandEnd[] = [CommandEnd.success, CommandEnd.fieldError, ...(canConflict(covered) ? [CommandEnd.conflict] : [])];
  return wanted.filter((end) => covered.tests[end].length === 0);
}

const hex = (value: number, digits: number) => value.toString(16).padStart(digits, '0');

/** `docs/commands.md`, whole. */
export function renderPage(rows: readonly CoveredRow[]): string {
  const parts = [
    '# Commands',
    '',
    'Every command of every device type, its clause and the tests that have seen it succeed, refuse a wrong field, and conflict with a reservation.',
    'This page is generated: `npm run docs:commands` runs the tests of the device servers, notes how each command ended in which of them, and writes it.',
    '`test/conformance/commands.test.ts` fails when a command lacks one of these, and when the page is not what it would write.',
    '',
  ];
  for (const deviceType of new Set(rows.map((row) => row.deviceType))) parts.push(...renderType(deviceType, rows));
  return `${parts.join('\n')}\n`;
}

function renderType(deviceType: DeviceType, rows: readonly CoveredRow[]): string[] {
  const ofType = rows.filter((row) => row.deviceType === deviceType);
  const table = ofType.map((covered) => {
    const { row, tests } = covered;
    const action = row.serviceAction === undefined ? '' : `/${hex(row.serviceAction, row.opcode === VARIABLE_LENGTH_OPCODE ? 4 : 2)}`;
    const reservation = typeof row.reservation === 'function' ? 'by its CDB' : row.reservation;
    const conflictCount = canConflict(covered) ? String(tests.conflict.length) : '–';
    const counts = `${tests.success.length} | ${tests.fieldError.length} | ${conflictCount}`;
    return `| ${hex(row.opcode, 2)}${action} | ${row.name} | ${row.clause} | ${reservation} | ${counts} |`;
  });
  const head = ['| opcode | command | clause | reservation | success | field errors | conflict |', '| --- | --- | --- | --- | --- | --- | --- |'];
  return [`## ${deviceType.name}`, '', ...head, ...table, '', ...ofType.flatMap(renderTests)];
}

const FILE_PREFIX = /^test\/engine\/(?:scsi\/)?/;

function renderTests({ row, tests }: CoveredRow): string[] {
  const byFile = new Map<string, Set<string>>();
  for (const { file, test } of [...tests.success, ...tests.fieldError, ...tests.conflict]) {
    const names = byFile.get(file) ?? new Set();
    names.add(test);
    byFile.set(file, names);
  }
  const files = [...byFile].sort(([one], [other]) => (one < other ? -1 : 1));
  const lines = files.map(([file, names]) => `- \`${file.replace(FILE_PREFIX, '')}\`: ${[...names].sort().join(' · ')}`);
  return [`### ${row.name}`, '', ...lines, ''];
}
