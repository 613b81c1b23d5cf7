import type { ITNexus } from '../../../scsi/it-nexus.js';

/** Media event codes, MMC-6 "Media events". The others are for media changers inside of a drive. */
export const MediaEvent = { none: 0, ejectRequest: 1, newMedia: 2, mediaRemoval: 3 } as const;
export type MediaEvent = (typeof MediaEvent)[keyof typeof MediaEvent];

/** Events that wait for one initiator. */
interface Waiting {
  media: MediaEvent[];
  /** The features of the drive have changed with its medium. */
  hasOperationalChange: boolean;
}

/** More than these tell nothing new: what was long ago is forgotten first. */
const WAITING_COUNT_MAX = 4;

/**
 * What initiators that poll have not been told of yet. Each hears of an event once. MMC-6 "GET EVENT STATUS NOTIFICATION command".
 */
export class MediaEvents {
  readonly #waiting = new Map<number, Waiting>();

  /** Something has happened that concerns everybody who is there. */
  tell(nexuses: Iterable<ITNexus>, event: MediaEvent): void {
    for (const { id } of nexuses) {
      const waiting = this.#of(id);
      waiting.media = [...waiting.media, event].slice(-WAITING_COUNT_MAX);
      if (event !== MediaEvent.ejectRequest) waiting.hasOperationalChange = true;
    }
  }

  takeMedia(nexusId: number): MediaEvent {
    return this.#waiting.get(nexusId)?.media.shift() ?? MediaEvent.none;
  }

  hasMedia(nexusId: number): boolean {
    return (this.#waiting.get(nexusId)?.media.length ?? 0) > 0;
  }

  hasOperationalChange(nexusId: number): boolean {
    return this.#waiting.get(nexusId)?.hasOperationalChange === true;
  }

  takeOperationalChange(nexusId: number): boolean {
    const waiting = this.#waiting.get(nexusId);
    if (waiting === undefined || !waiting.hasOperationalChange) return false;
    waiting.hasOperationalChange = false;
    return true;
  }

  forget(nexusId: number): void {
    this.#waiting.delete(nexusId);
  }

  #of(nexusId: number): Waiting {
    const present = this.#waiting.get(nexusId);
    if (present !== undefined) return present;
    const made: Waiting = { media: [], hasOperationalChange: false };
    this.#waiting.set(nexusId, made);
    return made;
  }
}
