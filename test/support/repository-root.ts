import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TargetError } from '../../engine/errors.js';

const PACKAGE_NAME = 'lunloom';

function nearestPackage(from: string): string | null {
  for (let folder = from; ; folder = dirname(folder)) {
    const manifest = join(folder, 'package.json');
    if (existsSync(manifest) && (JSON.parse(readFileSync(manifest, 'utf8')) as { name?: string }).name === PACKAGE_NAME) return folder;
    if (folder === dirname(folder)) return null;
  }
}

/**
 * The absolute path of the checkout: the package above the compiled file or, when that was compiled to a private
 * outDir elsewhere, the one above the working directory. Throws `TargetError` `REPOSITORY_NOT_FOUND`.
 */
export function repositoryRoot(): string {
  const found = nearestPackage(dirname(fileURLToPath(import.meta.url))) ?? nearestPackage(process.cwd());
  if (found === null) throw new TargetError('REPOSITORY_NOT_FOUND', `no package named ${PACKAGE_NAME} above ${import.meta.url} or ${process.cwd()}`);
  return found;
}
