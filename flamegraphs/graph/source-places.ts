import { readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Locate, locateCompiled, shortPath } from './stack-tree.js';

/** `SourceMap#findEntry` counts lines and columns from 0, like a profile. */
interface MapEntry {
  readonly originalSource?: string;
  readonly originalLine?: number;
}

/** Finds the TypeScript line behind a compiled one where the source map lies beside it; else answers the compiled place. */
export function makeLocate(): Locate {
  const maps = new Map<string, SourceMap | null>();
  return (callFrame) => {
    const compiled = locateCompiled(callFrame);
    if (!callFrame.url.startsWith('file:') || callFrame.lineNumber < 0) return compiled;
    let map = maps.get(callFrame.url);
    if (map === undefined) {
      map = readMap(callFrame.url);
      maps.set(callFrame.url, map);
    }
    const entry = map?.findEntry(callFrame.lineNumber, Math.max(0, callFrame.columnNumber)) as MapEntry | undefined;
    if (entry?.originalSource === undefined || entry.originalLine === undefined) return compiled;
    // The source lies elsewhere than what was compiled of it, at the same place below the package; only its name is taken from the map.
    const extension = /\.[cm]?tsx?$/.exec(entry.originalSource)?.[0] ?? '.js';
    return { file: shortPath(callFrame.url).replace(/\.[cm]?js$/, extension), line: entry.originalLine + 1 };
  };
}

function readMap(url: string): SourceMap | null {
  try {
    const file = fileURLToPath(url);
    const reference = /\/\/# sourceMappingURL=(\S+)\s*$/.exec(readFileSync(file, 'utf8'))?.[1];
    if (reference === undefined || reference.startsWith('data:')) return null;
    return new SourceMap(JSON.parse(readFileSync(resolve(dirname(file), reference), 'utf8')));
  } catch {
    return null;
  }
}
