import { type Designator, deviceTypeName, versionDescriptorName, versionName } from '../initiator/index.js';
import type { ShownUnit } from './inquire.js';
import { formatSize } from './json-values.js';

const LABEL_WIDTH = 14;
const DUMP_WIDTH = 16;

/** What a unit says of itself, a line each. */
export function standardLines(url: string, { standard, serial, designators, capacity }: ShownUnit): string[] {
  const standards = standard.versionDescriptors.map(versionDescriptorName);
  const rows: [label: string, text: string][] = [
    ['vendor', standard.vendor],
    ['product', standard.product],
    ['revision', standard.revision],
    ['type', `${deviceTypeName(standard.peripheralDeviceType)}${standard.removable ? ', removable' : ''}`],
    ['standard', [versionName(standard.version), ...(standards.length > 0 ? [`(claims ${standards.join(', ')})`] : [])].join(' ')],
  ];
  if (serial !== null) rows.push(['serial', serial]);
  for (const text of designators) rows.push(['designator', text]);
  if (capacity !== null) {
    const { lbaCount, blockLengthBytes, physicalBlockExponent, thinProvisioned } = capacity;
    const sizeBytes = lbaCount * BigInt(blockLengthBytes);
    rows.push(['capacity', `${sizeBytes} bytes (${formatSize(sizeBytes)}), ${lbaCount} blocks of ${blockLengthBytes} bytes`]);
    if (physicalBlockExponent !== null && physicalBlockExponent > 0) rows.push(['physical block', `${blockLengthBytes << physicalBlockExponent} bytes`]);
    if (thinProvisioned === true) rows.push(['provisioning', 'thin']);
  }
  return [url, ...rows.map(([label, text]) => `  ${label.padEnd(LABEL_WIDTH)} ${text}`)];
}

/** `optimalTransferLength` as one reads it. */
function words(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

function scalarText(value: unknown): string {
  if (value === null) return '–';
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : String(value);
}

function isScalar(value: unknown): boolean {
  return typeof value !== 'object' || value === null || value instanceof Uint8Array;
}

/** Any parsed page: a line a member, lists with what is in them. */
export function valueLines(value: unknown): string[] {
  if (Array.isArray(value)) {
    if (value.every((item) => typeof item === 'number')) return [value.map((item) => `0x${item.toString(16).padStart(2, '0')}`).join(' ') || 'none'];
    return value.length === 0 ? ['none'] : value.flatMap(itemLines);
  }
  if (isScalar(value)) return [scalarText(value)];
  const members = Object.entries(value as object);
  const width = Math.max(...members.map(([name]) => words(name).length));
  return members.flatMap(([name, member]) =>
    isScalar(member) ? [`${words(name).padEnd(width)}  ${scalarText(member)}`] : [words(name), ...valueLines(member).map((line) => `  ${line}`)],
  );
}

/** Of a list, the first line is marked and the others stand below it. */
function itemLines(item: unknown): string[] {
  return valueLines(item).map((line, index) => `${index === 0 ? '- ' : '  '}${line}`);
}

/** Who is named, how, and the name. */
export function designatorLines(designators: readonly Designator[]): string[] {
  const width = (key: 'association' | 'type'): number => Math.max(...designators.map((designator) => designator[key].length));
  return designators.map(({ association, type, text }) => `${association.padEnd(width('association'))}  ${type.padEnd(width('type'))}  ${text}`);
}

/** Offsets, hexadecimal digits and what can be read of them. */
export function hexDump(bytes: Buffer): string[] {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += DUMP_WIDTH) {
    const row = bytes.subarray(at, at + DUMP_WIDTH);
    const digits = [...row].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const text = row.toString('latin1').replace(/[^\x20-\x7e]/g, '.');
    lines.push(`${at.toString(16).padStart(4, '0')}  ${digits.padEnd(DUMP_WIDTH * 3 - 1)}  ${text}`);
  }
  return lines.length === 0 ? ['empty'] : lines;
}
