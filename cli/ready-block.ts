import { dirname } from 'node:path';
import { controlDirectories } from '../engine/admin/socket-path.js';
import { formatByteSize } from '../engine/config/byte-size.js';
import { formatPortal } from '../engine/config/portal.js';
import { shownSize } from './json-values.js';
import type { ServedLun, ServedPortal, ServedTarget } from './served-engine.js';

const DISK = 'disk';

/** What runs, as both outputs need it. */
export interface ReadyFacts {
  readonly portals: readonly ServedPortal[];
  readonly targets: readonly ServedTarget[];
  /** Path of the control socket; null without one. */
  readonly control: string | null;
}

/** The block a person reads when the engine is up, commands to copy included. Ends without a newline. */
export function renderReadyBlock(version: string, facts: ReadyFacts): string {
  const lines = [`Lunloom ${version} is ready`, '', `  portal  ${facts.portals.map(formatPortal).join('  ')}`];
  for (const target of facts.targets) {
    lines.push(`  target  ${target.name}`);
    for (const cells of alignedCells(target.luns.map(lunCells))) lines.push(`    ${cells}`);
  }
  return [...lines, '', ...nextCommandLines(facts), '', 'Ctrl-C stops.'].join('\n');
}

function lunCells(lun: ServedLun): string[] {
  return [
    `LUN ${lun.lun}`,
    lun.store,
    // ram:1GiB has said it already.
    lun.sizeBytes === null || lun.store.endsWith(`:${formatByteSize(lun.sizeBytes)}`) ? '' : shownSize(lun.sizeBytes),
    lun.blockLengthBytes === null ? '' : `${lun.blockLengthBytes}-byte blocks`,
    lun.readOnly ? 'read only' : 'read-write',
    lun.execution,
    lun.detail ?? '',
  ];
}

/** Rows as lines with their columns under each other; a column that is empty in all of them is left out. */
export function alignedCells(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) => {
    const cells = row.map((cell, column) => cell.padEnd(widths[column] ?? 0));
    return cells
      .filter((cell) => cell !== '')
      .join('  ')
      .trimEnd();
  });
}

function nextCommandLines(facts: ReadyFacts): string[] {
  const [portal] = facts.portals;
  const [target] = facts.targets;
  if (portal === undefined || target === undefined) return [];
  const address = formatPortal({ address: dialledAddress(portal.address), port: portal.port });
  // qemu-img reads blocks, and nothing else that there is.
  const disk = target.luns.find(({ device = DISK }) => device === DISK);
  const path = `${address}/${target.name}/${disk?.lun}`;
  const url = target.needsChap === true ? `'iscsi://USER%SECRET@${path}'` : `iscsi://${path}`;
  return [
    'Try it from another terminal:',
    `  iscsi-ls ${target.needsChap === true ? '' : '-s '}iscsi://${address}`,
    ...(disk === undefined ? [] : [`  qemu-img info ${url}`]),
    `  sudo iscsiadm -m discovery -t sendtargets -p ${address}`,
    // With CHAP the initiator has to be told user and secret first, by more commands than belong here.
    ...(target.needsChap === true ? [] : [`  sudo iscsiadm -m node -T ${target.name} -p ${address} --login`]),
    ...(facts.control === null ? [] : [`  ${statsCommand(facts.control)}`]),
  ];
}

/** `lunloom stats` looks into the directories of `auto` by itself. */
function statsCommand(control: string): string {
  return controlDirectories().includes(dirname(control)) ? 'lunloom stats' : `lunloom stats --control ${control}`;
}

/** Nobody can dial the unspecified address; on this machine loopback reaches the same portal. */
function dialledAddress(address: string): string {
  if (address === '0.0.0.0') return '127.0.0.1';
  return address === '::' ? '::1' : address;
}

/** The first line of `--json`. */
export function readyEvent(facts: ReadyFacts): Record<string, unknown> {
  return {
    event: 'ready',
    portals: facts.portals.map(formatPortal),
    targets: facts.targets.map((target) => ({
      name: target.name,
      luns: target.luns.map(({ lun, store, sizeBytes, blockLengthBytes, readOnly, execution }) => ({
        lun,
        store,
        sizeBytes,
        blockLengthBytes,
        readOnly,
        execution,
      })),
    })),
    control: facts.control,
  };
}
