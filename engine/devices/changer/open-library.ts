import { type StateIo, stateIo } from '../../state/state-io.js';
import type { DeviceStatus, OpenContext, OpenDevice } from '../device-kind.js';
import { changer } from './changer.js';
import { ElementType } from './element-layout.js';
import { Library } from './library.js';
import { readLibraryFile } from './library-file.js';
import { LibraryStore } from './library-store.js';
import { mergeLibrary } from './merge-state.js';
import { libraryOperations } from './operations.js';

type LibraryContext = Pick<OpenContext, 'limits' | 'onNotice' | 'onDefect'>;

/**
 * Opens the library that a file describes, with what was kept of it. Throws `ConfigError` for the file, and `TargetError` `STATE_…` and `LIBRARY_…` for what
 * was kept and for what does not fit together; nothing is written then.
 */
export function openLibrary(path: string, context: LibraryContext, io: StateIo = stateIo): OpenDevice {
  const { limits, onNotice, onDefect } = context;
  const plan = readLibraryFile(path, limits);
  const store = LibraryStore.open(path, limits, io);
  try {
    const start = mergeLibrary(plan, store.kept);
    for (const notice of start.notices) onNotice(`${path}: ${notice}`);
    const { layout, autoUnload } = plan;
    const library = new Library({
      layout,
      autoUnload,
      start,
      save: (kept) => store.save(kept),
      onNotice: (message) => onNotice(`${path}: ${message}`),
      onDefect,
    });
    return {
      deviceType: changer,
      identity: { product: 'MEDIA-CHANGER' },
      removable: true,
      parts: [library],
      describe: () => describe(library),
      operations: libraryOperations(library),
      async close() {
        await library.settled();
        store.close();
      },
    };
  } catch (error) {
    store.close();
    throw error;
  }
}

function describe({ layout, contents }: Library): DeviceStatus {
  const count = (type: ElementType) => layout.ofType(type).length;
  const counts = `${count(ElementType.dataTransfer)} drives, ${count(ElementType.storage)} slots, ${count(ElementType.importExport)} import/export`;
  return { sizeBytes: null, blockLengthBytes: null, loaded: true, detail: `${contents.size} cartridges; ${counts}` };
}
