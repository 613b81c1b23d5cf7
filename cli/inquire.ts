import { TargetError } from '../engine/errors.js';
import {
  type Capacity,
  type LogicalUnitClient,
  maskIscsiUrl,
  ScsiCommandError,
  type StandardInquiry,
  VpdPageCode,
  type VpdPages,
  vpdPageName,
  vpdParsers,
} from '../initiator/index.js';
import { designatorLines, hexDump, standardLines, valueLines } from './inquiry-rendering.js';
import { jsonValue } from './json-values.js';
import type { ProgramOutput } from './program-output.js';
import type { InquireOptions } from './target-commands.js';
import { withUnit } from './target-session.js';

/** A page as it is shown: parsed where its form is known. */
export interface ShownPage {
  readonly pageCode: number;
  readonly name: string | null;
  /** Null when the form is not known. */
  readonly value: unknown;
  readonly body: Buffer;
}

/** What INQUIRY and READ CAPACITY tell together. */
export interface ShownUnit {
  readonly standard: StandardInquiry;
  readonly serial: string | null;
  readonly designators: readonly string[];
  /** Null for units that are no disks or are not ready. */
  readonly capacity: Capacity | null;
}

/** `lunloom inquire`. Rejects with `TargetError` `INITIATOR_USAGE`, `INITIATOR_FAILED` or `INITIATOR_TARGET`. */
export async function runInquireCommand(url: string, options: InquireOptions, output: ProgramOutput): Promise<void> {
  const shownUrl = maskIscsiUrl(url);
  const pageCode = options.vpd === undefined ? null : parsePageCode(options.vpd);
  const { digests, initiatorName } = options;
  await withUnit(url, { digests: digests === true, initiatorName, retry: { unitAttentionCountMax: 8 } }, async ({ unit }) => {
    if (pageCode === null) {
      const shown = await look(unit);
      if (options.json === true) output.event({ event: 'inquire', url: shownUrl, ...(jsonValue(shown) as object) });
      else for (const line of standardLines(shownUrl, shown)) output.resultLine(line);
      return;
    }
    const codes = pageCode === 'all' ? [...(await unit.vpd('supportedPages'))] : [pageCode];
    const pages: ShownPage[] = [];
    for (const code of codes) pages.push(await readPage(unit, code));
    if (options.json === true) output.event({ event: 'inquire', url: shownUrl, pages: jsonValue(pages) });
    else for (const page of pages) for (const line of pageLines(page)) output.resultLine(line);
  });
}

/** A name, `all`, or a number, hexadecimal with or without 0x. */
export function parsePageCode(text: string): number | 'all' {
  if (text === 'all') return text;
  const named = Object.entries(VpdPageCode).find(([name]) => name.toLowerCase() === text.toLowerCase())?.[1];
  if (named !== undefined) return named;
  if (/^(?:0x)?[0-9a-f]{1,2}$/i.test(text)) return Number.parseInt(text, 16);
  throw new TargetError(
    'INITIATOR_USAGE',
    `--vpd: expected a page from 00 to ff, all or one of ${Object.keys(VpdPageCode).join(', ')}, found ${JSON.stringify(text)}`,
  );
}

async function readPage(unit: LogicalUnitClient, code: number): Promise<ShownPage> {
  const { pageCode, body } = await unit.vitalProductData(code);
  if (pageCode !== code) throw new TargetError('INITIATOR_FAILED', `the unit answers VPD page 0x${pageCode.toString(16)} for 0x${code.toString(16)}`);
  const name = vpdPageName(code);
  return { pageCode, name, value: name === null ? null : vpdParsers[name](body), body };
}

async function look(unit: LogicalUnitClient): Promise<ShownUnit> {
  const standard = await unit.inquiry();
  const pages = (await unlessRefused(unit.vpd('supportedPages'))) ?? [];
  const serial = pages.includes(VpdPageCode.unitSerialNumber) ? await unlessRefused(unit.vpd('unitSerialNumber')) : null;
  const designators = pages.includes(VpdPageCode.deviceIdentification) ? await unlessRefused(unit.vpd('deviceIdentification')) : null;
  const ofUnit = (designators ?? []).filter(({ association }) => association === 'logical unit').map(({ text }) => text);
  return { standard, serial, designators: ofUnit, capacity: await capacityOf(unit) };
}

async function capacityOf(unit: LogicalUnitClient): Promise<Capacity | null> {
  return (await unlessRefused(unit.readCapacity16())) ?? unlessRefused(unit.readCapacity());
}

async function unlessRefused<T>(pending: Promise<T>): Promise<T | null> {
  try {
    return await pending;
  } catch (error) {
    if (error instanceof ScsiCommandError) return null;
    throw error;
  }
}

function pageLines(page: ShownPage): string[] {
  const { pageCode, name } = page;
  const title = `VPD page 0x${pageCode.toString(16).padStart(2, '0')}${name === null ? '' : `: ${name}`}`;
  return [title, ...bodyLines(page).map((line) => `  ${line}`)];
}

function bodyLines({ name, value, body }: ShownPage): string[] {
  if (name === null) return hexDump(body);
  return name === 'deviceIdentification' ? designatorLines(value as VpdPages['deviceIdentification']) : valueLines(value);
}
