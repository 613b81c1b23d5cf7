import { TargetError } from '../../../../engine/errors.js';
import type { Cartridge, MediaDrive } from '../../../../engine/scsi/media-drive.js';

/** A drive that takes cartridges and does nothing with them. */
export class FakeDrive implements MediaDrive {
  readonly kind: string;
  current: Cartridge | null = null;
  isRemovalPrevented = false;
  isUnloaded = false;
  makesMissing = false;
  /** What removing is to fail with. */
  removeFault: string | null = null;
  /** Runs while a cartridge is on its way into the drive. */
  onInsert: () => Promise<void> = () => Promise.resolve();
  /** `insert a.tape`, `remove a.tape`. */
  readonly log: string[] = [];

  constructor(kind = 'tape') {
    this.kind = kind;
  }

  async insert(cartridge: Cartridge): Promise<void> {
    await this.onInsert();
    if (this.current !== null) throw new TargetError('MEDIUM_PRESENT', 'the drive has a medium');
    if (cartridge.kind !== this.kind) throw new TargetError('MEDIUM_KIND', 'the drive does not take it');
    this.current = cartridge;
    this.isUnloaded = false;
    this.log.push(`insert ${baseName(cartridge)}`);
  }

  async remove(): Promise<Cartridge> {
    const { current } = this;
    if (current === null) throw new TargetError('MEDIUM_ABSENT', 'the drive has no medium');
    if (this.removeFault !== null) throw new TargetError(this.removeFault, 'the drive keeps it');
    this.current = null;
    this.log.push(`remove ${baseName(current)}`);
    return current;
  }
}

function baseName({ path }: Cartridge): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
