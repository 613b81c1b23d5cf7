import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

function wantedBy(folder: string): string[] {
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
  return Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies });
}

/** The folders, as paths below `root`, of the packages that a production install has; only what is installed here. */
export function productionPackages(root: string): string[] {
  const found = new Set<string>();
  const open = wantedBy(root);
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const folder = `node_modules/${name}`;
    if (found.has(folder) || !existsSync(join(root, folder, 'package.json'))) continue;
    found.add(folder);
    open.push(...wantedBy(join(root, folder)));
  }
  return [...found].sort();
}

/** What node reads when it runs a package: no types, maps, sources of addons or pages. */
export const isRunnable = (path: string) => /\.(?:js|cjs|mjs|json|node|wasm)$/.test(path);
