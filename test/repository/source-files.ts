import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from '../support/repository-root.js';

const root = repositoryRoot();
const NOT_OURS = /(?:^|\/)(?:node_modules|dist|\.git)(?:\/|$)/;

function gitFiles(): string[] | null {
  try {
    const args = ['ls-files', '-z', '--cached', '--others', '--exclude-standard'];
    return execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], maxBuffer: 64 * 1024 * 1024 }).split('\0');
  } catch {
    // No git, or a tree that was unpacked from an archive.
    return null;
  }
}

function walkedFiles(folder = ''): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (NOT_OURS.test(path)) return [];
    return entry.isDirectory() ? walkedFiles(path) : [path];
  });
}

/** A deleted file that git still lists is none of ours, and neither is a submodule's folder. */
const isFile = (path: string) => existsSync(join(root, path)) && statSync(join(root, path)).isFile();

/** Every file that is or would be committed, as paths from the root with `/`, sorted. */
export const repositoryFiles: readonly string[] = (gitFiles() ?? walkedFiles()).filter((path) => path !== '' && !NOT_OURS.test(path) && isFile(path)).sort();

const CODE_PATTERN = /\.(?:ts|mts|js|mjs|cjs)$/;
export const codeFiles: readonly string[] = repositoryFiles.filter((path) => CODE_PATTERN.test(path));

/** The text of a file of the repository. */
export function readSource(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

export function pathExists(path: string): boolean {
  return existsSync(join(root, path));
}

export { root };
