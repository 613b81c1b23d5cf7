import { createHmac, randomBytes } from 'node:crypto';
import { TargetError } from '../../errors.js';
import type { ITNexus } from '../../scsi/it-nexus.js';
import type { LogicalUnit, UnitCondition, UnitPart } from '../../scsi/logical-unit.js';
import { Asc, SenseKey } from '../../scsi/sense.js';
import type { BoundThread } from '../bound-thread.js';
import type { OsdOutcome, OsdRequest, OsdService } from './osd-service.js';

const TOKEN_LENGTH = 16;
const SYSTEM_ID_LENGTH = 20;
/** OSD SYSTEM ID begins as a designation descriptor does: binary, NAA of the logical unit, 16 bytes. */
const SYSTEM_ID_HEADER = Uint8Array.of(0x01, 0x03, 0x00, 0x10);
/** So long after a command the thread does what waits for a quiet moment. */
const IDLE_MS = 200;

/** A store that could not be opened again is tried after so long. */
const RESTART_MS = 5_000;

/** Once in so long it is looked whether the thread has done anything. */
const WATCH_MS = 30_000;

const restarting: UnitCondition = { key: SenseKey.notReady, asc: Asc.logicalUnitNotReady };

/** An object storage device on the main thread: its thread, and what its VPD pages and its security say of it. */
export class OsdUnit implements UnitPart {
  readonly #thread: BoundThread<OsdService>;
  readonly #onNotice: (message: string) => void;
  /** Security tokens follow from it: another after each start. */
  readonly #tokenSecret = randomBytes(TOKEN_LENGTH);
  #unit: LogicalUnit | null = null;
  #isClosed = false;
  #isRestarting = false;
  #isIdleTimerSet = false;
  #isWatched = false;
  #pendingCount = 0;
  #doneCount = 0;
  #size: { readonly totalBytes: number; readonly usedBytes: number };

  constructor(thread: BoundThread<OsdService>, size: { readonly totalBytes: number; readonly usedBytes: number }, onNotice: (message: string) => void) {
    this.#thread = thread;
    this.#size = size;
    this.#onNotice = onNotice;
  }

  onAttached(unit: LogicalUnit): void {
    this.#unit = unit;
    void this.#identify().catch(() => {});
  }

  /** Null while commands can be executed. */
  get readiness(): UnitCondition | null {
    return this.#thread.isLost || this.#isRestarting ? restarting : null;
  }

  get size(): { readonly totalBytes: number; readonly usedBytes: number } {
    return this.#size;
  }

  /** The thread itself, for fault injection; undefined when there is none of its own. */
  get thread(): BoundThread<OsdService>['thread'] {
    return this.#thread.thread;
  }

  /** SECURITY TOKEN of the Security Token VPD page: of one I_T nexus, and not to be guessed. */
  securityTokenOf(nexus: ITNexus): Uint8Array {
    const names = `${nexus.id} ${nexus.initiatorPortName} ${nexus.targetPortName}`;
    return createHmac('sha256', this.#tokenSecret).update(names).digest().subarray(0, TOKEN_LENGTH);
  }

  /** OSD SYSTEM ID: 20 bytes, which follow from the unit's NAA name. */
  systemId(): Uint8Array {
    const systemId = new Uint8Array(SYSTEM_ID_LENGTH);
    systemId.set(SYSTEM_ID_HEADER);
    systemId.set(Buffer.from(this.#unit?.identity.naa ?? '', 'hex').subarray(0, SYSTEM_ID_LENGTH - SYSTEM_ID_HEADER.length), SYSTEM_ID_HEADER.length);
    return systemId;
  }

  async execute(request: OsdRequest): Promise<OsdOutcome> {
    this.#pendingCount++;
    this.#watch();
    try {
      return await this.#thread.call('execute', request);
    } finally {
      this.#pendingCount--;
      this.#doneCount++;
      this.#scheduleMaintenance();
    }
  }

  /** A thread that is stuck, on a file system that does not answer say, cannot be told from one that has much to do, or be ended: but it can be said. */
  #watch(): void {
    if (this.#isWatched || this.#unit === null) return;
    this.#isWatched = true;
    const doneCount = this.#doneCount;
    this.#unit.host.after(WATCH_MS, () => {
      this.#isWatched = false;
      if (this.#isClosed || (this.#pendingCount === 0 && !this.#isRestarting)) return;
      if (doneCount === this.#doneCount) this.#onNotice(`the object store has not answered for ${WATCH_MS / 1000} s`);
      this.#watch();
    });
  }

  /** The thread has died. What it had acknowledged is in the store: another one opens it again. */
  onThreadLost(): void {
    if (this.#isClosed || this.#isRestarting) return;
    this.#isRestarting = true;
    this.#watch();
    void this.#restart().finally(() => {
      this.#isRestarting = false;
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    try {
      await this.#thread.close();
    } catch (error) {
      if (error instanceof TargetError) this.#onNotice(error.message);
      throw error;
    }
  }

  async #restart(): Promise<void> {
    try {
      await this.#thread.restart();
      await this.#identify();
    } catch (error) {
      if (this.#isClosed) return;
      this.#onNotice(`the object store is out of service: ${error instanceof TargetError ? error.message : String(error)}`);
      this.#unit?.host.after(RESTART_MS, () => this.onThreadLost());
    }
  }

  async #identify(): Promise<void> {
    if (this.#unit === null) return;
    const { vendor, product, revision, serial } = this.#unit.identity;
    await this.#thread.call('identify', { vendor, product, revision, serial, systemId: this.systemId() });
  }

  #scheduleMaintenance(): void {
    if (this.#isIdleTimerSet || this.#unit === null) return;
    this.#isIdleTimerSet = true;
    this.#unit.host.after(IDLE_MS, () => {
      this.#isIdleTimerSet = false;
      if (!this.#isClosed && !this.#thread.isLost) void this.#maintain().catch(() => {});
    });
  }

  async #maintain(): Promise<void> {
    const hasMore = await this.#thread.call('maintain');
    this.#size = await this.#thread.call('capacity');
    if (hasMore) this.#scheduleMaintenance();
  }
}

/** The device of a unit of this type: it has been opened before its unit was made. */
export function osdUnitOf(unit: LogicalUnit): OsdUnit {
  return unit.givenPart(OsdUnit);
}
