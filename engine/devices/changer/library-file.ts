import { resolve } from 'node:path';
import { ConfigError, type ConfigProblem, inReadingOrder, locateProblem } from '../../config/problem.js';
import { readBySchema } from '../../config/read-by-schema.js';
import { parseYamlSource } from '../../config/yaml-source.js';
import { readYamlText } from '../../config/yaml-text.js';
import { assert } from '../../errors.js';
import type { Limits } from '../../limits.js';
import type { Cartridge } from '../../scsi/media-drive.js';
import { type Element, ElementLayout, ElementType, nameOf } from './element-layout.js';
import { checkLibrary, rangesOf } from './library-checks.js';
import { type CartridgeDraft, type CartridgeKind, type LibraryDraft, librarySchemaOf } from './library-schema.js';

/** A cartridge as the library file has it. */
export interface FiledCartridge extends Cartridge {
  /** Where the file puts it at first, or null: into the first slot that is free then. */
  readonly place: Element | null;
}

/** What a library file says. */
export interface LibraryPlan {
  readonly layout: ElementLayout;
  readonly cartridges: readonly FiledCartridge[];
  /** A drive gives its cartridge out although nobody has unloaded it. */
  readonly autoUnload: boolean;
}

/**
 * Reads a library file; its form is described in `docs/devices/changer.md`. Throws `ConfigError` with everything that is wrong in it, with lines and columns:
 * `CONFIG_NOT_READABLE`, `CONFIG_SYNTAX` or `CONFIG_INVALID`.
 */
export function readLibraryFile(fileName: string, limits: Limits): LibraryPlan {
  return parseLibrary(readYamlText(fileName, limits.configFileBytesMax), fileName, limits);
}

/** `fileName` stands in messages, and relative paths of cartridges start at its directory. Throws as `readLibraryFile` does. */
export function parseLibrary(text: string, fileName: string, limits: Limits): LibraryPlan {
  const source = parseYamlSource(text, fileName);
  const problems: ConfigProblem[] = [];
  const draft = (readBySchema(librarySchemaOf(limits.libraryElementCountMax), source.raw, problems) ?? {}) as LibraryDraft;
  checkLibrary(draft, limits.libraryElementCountMax, source.baseDirectory, problems);
  const located = [...source.problems, ...problems.map((problem) => locateProblem(problem, source.locate(problem.path, problem.at)))];
  if (located.length > 0) throw new ConfigError(inReadingOrder(located));
  const layout = new ElementLayout(rangesOf(draft));
  const cartridges = (draft.cartridges ?? []).map((each) => completeCartridge(each, layout, source.baseDirectory));
  return { layout, cartridges, autoUnload: draft['auto-unload'] ?? true };
}

function completeCartridge(draft: CartridgeDraft | undefined, layout: ElementLayout, baseDirectory: string): FiledCartridge {
  assert(draft?.path !== undefined, 'a cartridge without problems has a path');
  const path = resolve(baseDirectory, draft.path);
  return { path, barcode: draft.barcode ?? null, kind: draft.kind ?? kindOfPath(path), place: placeOf(draft, layout) };
}

function placeOf({ slot, drive, ['import-export']: importExport }: CartridgeDraft, layout: ElementLayout): Element | null {
  if (slot !== undefined) return layout.named(nameOf({ type: ElementType.storage, number: slot })) ?? null;
  if (drive !== undefined) return layout.named(nameOf({ type: ElementType.dataTransfer, number: drive })) ?? null;
  if (importExport !== undefined) return layout.named(nameOf({ type: ElementType.importExport, number: importExport })) ?? null;
  return null;
}

/** What an image is when nobody says so. */
export function kindOfPath(path: string): CartridgeKind {
  return /\.(?:iso|img|udf)$/i.test(path) ? 'cdrom' : 'tape';
}
