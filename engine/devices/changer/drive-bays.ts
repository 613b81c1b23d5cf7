import { TargetError } from '../../errors.js';
import type { LogicalUnit } from '../../scsi/logical-unit.js';
import type { MediaDrive } from '../../scsi/media-drive.js';
import type { LogicalUnitHost } from '../../scsi/unit-host.js';
import { type Element, ElementType, nameOf } from './element-layout.js';
import { imageExists } from './images.js';
import { labelOf, type Occupant } from './library-contents.js';
import { type TransportFault, TransportFaults } from './transport-fault.js';

export interface DriveBayOptions {
  readonly autoUnload: boolean;
  readonly onNotice: (message: string) => void;
}

/**
 * The drives of a library: other logical units of its target, which may come and go. Whether a cartridge is in a drive's element is for the library to say: one
 * that an operator took out of the drive itself is still there for the picker.
 */
export class DriveBays {
  readonly #host: LogicalUnitHost;
  readonly #options: DriveBayOptions;

  constructor(host: LogicalUnitHost, options: DriveBayOptions) {
    this.#host = host;
    this.#options = options;
  }

  unitAt({ number }: Element): LogicalUnit | undefined {
    return this.#host.unitAt(number);
  }

  /** The drive of a data transfer element, or null when its logical unit is gone. */
  at(element: Element): MediaDrive | null {
    return this.unitAt(element)?.mediaDrive ?? null;
  }

  /** What keeps the picker from taking a cartridge out, if the element is a drive. */
  faultOfUnload(from: Element): TransportFault | null {
    if (from.type !== ElementType.dataTransfer) return null;
    const drive = this.at(from);
    if (drive === null) return TransportFaults.elementDisabled;
    if (drive.current === null) return null;
    if (drive.isRemovalPrevented) return TransportFaults.removalPrevented;
    return this.#options.autoUnload || drive.isUnloaded ? null : TransportFaults.stillLoaded;
  }

  /** What keeps the picker from putting this cartridge in, if the element is a drive; `isLeaving` when what is in it will be out by then. */
  async faultOfLoad(to: Element, { cartridge }: Occupant, isLeaving: boolean): Promise<TransportFault | null> {
    if (to.type !== ElementType.dataTransfer) return null;
    const drive = this.at(to);
    if (drive === null) return TransportFaults.elementDisabled;
    if (drive.kind !== cartridge.kind) return TransportFaults.wrongKind;
    // An operator may have put something into the drive itself.
    if (drive.current !== null && !isLeaving) return TransportFaults.destinationFull;
    return drive.makesMissing === true || (await imageExists(cartridge.path)) ? null : TransportFaults.imageMissing;
  }

  /** Out of a drive, if it is one. */
  async unload(from: Element, occupant: Occupant | undefined): Promise<TransportFault | null> {
    const drive = from.type === ElementType.dataTransfer ? this.at(from) : null;
    if (drive === null || occupant === undefined || drive.current?.path !== occupant.cartridge.path) return null;
    try {
      await drive.remove();
      return null;
    } catch (error) {
      if (!(error instanceof TargetError)) throw error;
      this.#options.onNotice(`${nameOf(from)} did not give ${labelOf(occupant)} out: ${error.message}`);
      return error.code === 'MEDIUM_PREVENTED' ? TransportFaults.removalPrevented : TransportFaults.unloadFailed;
    }
  }

  /** Into a drive, if it is one. What it thinks of the cartridge it tells itself. */
  async load(to: Element, occupant: Occupant | undefined): Promise<TransportFault | null> {
    const drive = to.type === ElementType.dataTransfer ? this.at(to) : null;
    if (drive === null || occupant === undefined || drive.current?.path === occupant.cartridge.path) return null;
    try {
      await drive.insert(occupant.cartridge);
      return null;
    } catch (error) {
      if (!(error instanceof TargetError)) throw error;
      this.#options.onNotice(`${nameOf(to)} did not take ${labelOf(occupant)}: ${error.message}`);
      return TransportFaults.loadFailed;
    }
  }
}
