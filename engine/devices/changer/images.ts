import { access } from 'node:fs/promises';

/** Whether something is at the path of a cartridge's image; whether it is one is found out by the drive that loads it. */
export async function imageExists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    return false;
  }
}
