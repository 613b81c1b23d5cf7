import { execFileSync } from 'node:child_process';
import { truncateSync, writeFileSync } from 'node:fs';

/** A block device over a file of zeroes. Throws when this machine gives none. */
export function attachLoopDevice(imagePath: string, sizeBytes: number, sectorBytes: number): string {
  writeFileSync(imagePath, '');
  truncateSync(imagePath, sizeBytes);
  return execFileSync('losetup', ['--find', '--show', '--sector-size', String(sectorBytes), imagePath], { encoding: 'utf8', stdio: 'pipe' }).trim();
}

export function detachLoopDevice(path: string): void {
  execFileSync('losetup', ['--detach', path], { stdio: 'pipe' });
}

/** Why there are no loop devices here, or null when there are. */
export function loopDevicesMissing(imagePath: string): string | null {
  try {
    detachLoopDevice(attachLoopDevice(imagePath, 1024 * 1024, 512));
    return null;
  } catch (error) {
    return `loop devices cannot be made here: ${String(error).split('\n', 1)[0]}`;
  }
}
