import type { Dispatcher } from '../dispatch/dispatcher.js';
import type { After } from '../scsi/alua/target-port-groups.js';
import { Medium, type MediumShape } from '../scsi/medium.js';
import type { MediaDock } from '../scsi/unit-host.js';
import type { BackingStore } from '../store/store.js';

const POLL_MS = 10;

export interface WorkerMediaOptions {
  readonly dispatcher: Dispatcher;
  readonly after: After;
  /** By which workers find the commands of the unit. */
  readonly deviceTypeName: string;
  readonly nextHandle: () => number;
  /** Commands that began on the medium have not ended. */
  readonly isUsed: (medium: Medium) => boolean;
}

/** The media of one logical unit, known to all workers. */
export class WorkerMedia implements MediaDock {
  readonly #options: WorkerMediaOptions;

  constructor(options: WorkerMediaOptions) {
    this.#options = options;
  }

  attach(store: BackingStore, shape: MediumShape): Medium {
    const { dispatcher, deviceTypeName, nextHandle } = this.#options;
    const medium = new Medium(store, shape, nextHandle());
    dispatcher.attach({ handle: medium.handle, deviceTypeName, store: store.descriptor, shape });
    return medium;
  }

  async release(medium: Medium): Promise<void> {
    const { dispatcher, after, isUsed } = this.#options;
    while (isUsed(medium)) await new Promise<void>((resolve) => after(POLL_MS, resolve));
    dispatcher.detach(medium.handle);
  }
}
