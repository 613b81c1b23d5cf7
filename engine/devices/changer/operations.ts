import { resolve } from 'node:path';
import { didYouMean } from '../../config/did-you-mean.js';
import { quoted } from '../../config/parsed.js';
import { TargetError } from '../../errors.js';
import { MediumRemoval } from '../../scsi/spc/medium-removal.js';
import type { DeviceOperation } from '../device-kind.js';
import { type Element, ElementType, isForPeople, nameOf } from './element-layout.js';
import { imageExists } from './images.js';
import type { Library } from './library.js';
import { addressOfBarcode, addressOfPath } from './library-contents.js';
import { kindOfPath } from './library-file.js';
import { BARCODE_FORM, barcodeSchema, CARTRIDGE_KINDS } from './library-schema.js';
import { asError } from './transport-fault.js';

const PLACE_WORDS = ['slot', 'import-export', 'drive'] as const;
const ADD_KEYS = ['barcode', 'kind', 'slot', 'import-export'] as const;

/** What an operator may ask of a library while it is served: `lunloom lun do LUN NAME ARGUMENTS…`. */
export function libraryOperations(library: Library): Readonly<Record<string, DeviceOperation>> {
  return {
    list: { usage: 'shows every element that holds a cartridge', run: (args) => list(library, args) },
    add: { usage: 'PATH [barcode=TEXT] [kind=tape|cdrom] [slot=N | import-export=N]  puts a cartridge in', run: (args) => add(library, args) },
    remove: { usage: 'PATH | BARCODE  takes a cartridge out', run: (args) => remove(library, args) },
    move: { usage: 'FROM TO  such as slot=3 drive=1: moves a cartridge', run: (args) => move(library, args) },
  };
}

interface ListedElement {
  readonly element: string;
  readonly address: number;
  readonly barcode: string | null;
  readonly path: string;
  readonly kind: string;
}

async function list(library: Library, args: readonly string[]): Promise<readonly ListedElement[]> {
  if (args.length > 0) throw invalid(`list takes no arguments, found ${quoted(args.join(' '))}`);
  return library.layout.elements.flatMap((element) => {
    const cartridge = library.cartridgeIn(element);
    return cartridge === null ? [] : [listed(element, cartridge)];
  });
}

function listed(element: Element, { barcode, path, kind }: Omit<ListedElement, 'element' | 'address'>): ListedElement {
  return { element: nameOf(element), address: element.address, barcode, path, kind };
}

async function add(library: Library, [image, ...rest]: readonly string[]): Promise<ListedElement> {
  if (image === undefined || image === '') throw invalid('add needs the path of a cartridge image');
  const path = resolve(image);
  const values = readValues(rest, ADD_KEYS);
  const { kind = kindOfPath(path), barcode = null } = values;
  if (!(CARTRIDGE_KINDS as readonly string[]).includes(kind)) throw invalid(`kind: expected tape or cdrom, found ${quoted(kind)}`);
  if (barcode !== null && !barcodeSchema.safeParse(barcode).success) throw invalid(`barcode: expected ${BARCODE_FORM}, found ${quoted(barcode)}`);
  if (!library.makesMissing(kind) && !(await imageExists(path))) throw new TargetError('LIBRARY_IMAGE', `there is no file ${path}`);
  refuseWhilePrevented(library);
  const element = placeIn(library, values) ?? freePlace(library);
  const cartridge = { path, barcode, kind };
  await library.add(element, cartridge);
  return listed(element, cartridge);
}

async function remove(library: Library, args: readonly string[]): Promise<ListedElement> {
  const [wanted, ...rest] = args;
  if (wanted === undefined || rest.length > 0) throw invalid('remove needs the barcode or the path of one cartridge');
  const { contents, layout } = library;
  const address = addressOfBarcode(contents, wanted) ?? addressOfPath(contents, resolve(wanted));
  const element = address === undefined ? undefined : layout.at(address);
  if (element === undefined) throw new TargetError('LIBRARY_UNKNOWN', `no cartridge of the library has the barcode or the path ${quoted(wanted)}`);
  if (!isForPeople(element)) throw new TargetError('LIBRARY_IN_DRIVE', `the cartridge is in ${nameOf(element)}; move it into a slot first`);
  refuseWhilePrevented(library);
  return listed(element, await library.take(element));
}

async function move(library: Library, args: readonly string[]): Promise<ListedElement> {
  if (args.length !== 2) throw invalid('move needs two places, such as slot=3 drive=1');
  const [from, to] = args.map((arg) => placeIn(library, readValues([arg], PLACE_WORDS)));
  if (from === undefined || from === null || to === undefined || to === null) throw invalid('move needs two places, such as slot=3 drive=1');
  const fault = await library.transferByOperator([{ from, to }]);
  if (fault !== null) throw asError(fault);
  const cartridge = library.cartridgeIn(to);
  if (cartridge === null) throw new TargetError('LIBRARY_EMPTY', `there is no cartridge in ${nameOf(to)}`);
  return listed(to, cartridge);
}

/** PREVENT ALLOW MEDIUM REMOVAL locks the doors, of which people put cartridges in and take them out. */
function refuseWhilePrevented(library: Library): void {
  if (library.unit.part(MediumRemoval).isPrevented) throw new TargetError('LIBRARY_PREVENTED', 'an initiator keeps the doors of the library locked');
}

/** As people do: into an import/export element if one is free, else into a slot. */
function freePlace({ layout, contents }: Library): Element {
  const candidates = [...layout.ofType(ElementType.importExport), ...layout.ofType(ElementType.storage)];
  const free = candidates.find(({ address }) => !contents.has(address));
  if (free === undefined) throw new TargetError('LIBRARY_FULL', 'no element of the library is free');
  return free;
}

/** The element that `slot=3` names, or null when none is named. */
function placeIn({ layout }: Library, values: Readonly<Partial<Record<string, string>>>): Element | null {
  const words = PLACE_WORDS.filter((word) => values[word] !== undefined);
  const [word] = words;
  if (word === undefined) return null;
  if (words.length > 1) throw invalid(`expected one place, found ${words.join(' and ')}`);
  const element = layout.named(`${word} ${values[word]}`);
  if (element === undefined) throw new TargetError('LIBRARY_ELEMENT', `the library has no ${word} ${quoted(values[word] as string)}`);
  return element;
}

/** `key=value` arguments. */
function readValues<K extends string>(args: readonly string[], keys: readonly K[]): Partial<Record<K, string>> {
  const values: Partial<Record<K, string>> = {};
  for (const arg of args) {
    const at = arg.indexOf('=');
    const key = keys.find((each) => each === arg.slice(0, at));
    if (key === undefined)
      throw invalid(`expected ${keys.map((each) => `${each}=…`).join(', ')}, found ${quoted(arg)}${didYouMean(arg.split('=')[0] ?? '', keys)}`);
    if (values[key] !== undefined) throw invalid(`${key} is there twice`);
    values[key] = arg.slice(at + 1);
  }
  return values;
}

function invalid(message: string): TargetError {
  return new TargetError('OPERATION_INVALID', message);
}
