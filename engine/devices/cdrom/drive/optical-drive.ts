import { assert, TargetError } from '../../../errors.js';
import type { ITNexus } from '../../../scsi/it-nexus.js';
import type { LogicalUnit, ResetCause, UnitCondition, UnitPart } from '../../../scsi/logical-unit.js';
import type { Cartridge, MediaDrive } from '../../../scsi/media-drive.js';
import type { Medium } from '../../../scsi/medium.js';
import { Asc, SenseKey } from '../../../scsi/sense.js';
import type { Disc } from '../disc/disc.js';
import { BLOCK_LENGTH_BYTES, type ProfileName } from '../disc/profile.js';
import { DriveSpeeds } from './drive-speeds.js';
import { MediaEvent, MediaEvents } from './media-events.js';
import { RemovalPrevention } from './removal-prevention.js';

/** A disc that was put in, and what the operator said that it is. */
export interface InsertedDisc {
  readonly cartridge: Cartridge;
  readonly profile: ProfileName | undefined;
}

export interface OpticalDriveOptions {
  readonly transferLengthBytesMax: number;
  readonly onNotice: (message: string) => void;
  readonly onDefect: (error: unknown) => void;
  /** Throws `TargetError` when the image is no good. */
  readonly openDisc: (inserted: InsertedDisc) => Promise<Disc>;
  /** What is in from the start; null for an empty drive. */
  readonly first: { readonly inserted: InsertedDisc; readonly disc: Disc } | null;
}

const trayOpen: UnitCondition = { key: SenseKey.notReady, asc: Asc.mediumNotPresentTrayOpen };
const trayClosed: UnitCondition = { key: SenseKey.notReady, asc: Asc.mediumNotPresentTrayClosed };
/** While the tray moves, or what is in it is read for the first time. */
const moving: UnitCondition = { key: SenseKey.notReady, asc: Asc.logicalUnitBecomingReady };
const unreadable: UnitCondition = { key: SenseKey.notReady, asc: Asc.cannotReadIncompatibleFormat };

/** A background format of an image is no work: it takes this long so that initiators can see it, stop it and start it again. */
const BACKGROUND_FORMAT_MS = 2000;

/** A drive for optical discs: its tray, the disc in it, and who is to know of what happens to them. MMC-6. */
export class OpticalDrive implements UnitPart, MediaDrive {
  readonly kind = 'cdrom';
  readonly prevention = new RemovalPrevention();
  readonly events = new MediaEvents();
  readonly speeds = new DriveSpeeds();
  readonly #options: OpticalDriveOptions;
  #unit: LogicalUnit | null = null;
  #inserted: InsertedDisc | null;
  #disc: Disc | null;
  #medium: Medium | null = null;
  #isTrayOpen = false;
  #cancelFormat: () => void = () => {};
  /** What moves the tray is done one after the other, whoever asks. */
  #moves: Promise<unknown> = Promise.resolve();
  #moveCount = 0;

  constructor(options: OpticalDriveOptions) {
    this.#options = options;
    this.#inserted = options.first?.inserted ?? null;
    this.#disc = options.first?.disc ?? null;
  }

  /** The disc that can be used now. */
  get disc(): Disc | null {
    return this.#medium === null ? null : this.#disc;
  }

  get current(): Cartridge | null {
    return this.#inserted?.cartridge ?? null;
  }

  get isTrayOpen(): boolean {
    return this.#isTrayOpen;
  }

  get isRemovalPrevented(): boolean {
    return this.prevention.isPrevented;
  }

  get isUnloaded(): boolean {
    return this.#inserted !== null && this.#isTrayOpen;
  }

  /** Why there is nothing to read. MMC-6 "TEST UNIT READY command". */
  get absence(): UnitCondition {
    if (this.#moveCount > 0) return moving;
    if (this.#isTrayOpen) return trayOpen;
    return this.#inserted === null ? trayClosed : unreadable;
  }

  onAttached(unit: LogicalUnit): void {
    this.#unit = unit;
    unit.mediaDrive = this;
    if (this.#disc !== null) this.#present(this.#disc);
  }

  onReset(_cause: ResetCause): void {
    this.prevention.clear();
  }

  onNexusLost(nexus: ITNexus): void {
    this.prevention.lose(nexus.id);
    this.events.forget(nexus.id);
  }

  onRemoved(): void {
    this.#cancelFormat();
  }

  insert(cartridge: Cartridge, profile?: ProfileName): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#inserted !== null) throw new TargetError('MEDIUM_PRESENT', `there is a disc in the drive: ${this.#inserted.cartridge.path}`);
      if (cartridge.kind !== this.kind)
        throw new TargetError('MEDIUM_KIND', `${cartridge.path} is for a drive of the kind ${cartridge.kind}, not for optical discs`);
      this.#inserted = { cartridge, profile };
      await this.#load();
    });
  }

  remove(): Promise<Cartridge> {
    return this.#inTurn(async () => {
      const inserted = this.#inserted;
      if (inserted === null) throw new TargetError('MEDIUM_ABSENT', 'there is no disc in the drive');
      if (this.isRemovalPrevented) throw new TargetError('MEDIUM_PREVENTED', `an initiator keeps ${inserted.cartridge.path} in the drive`);
      await this.#takeOut();
      this.#inserted = null;
      this.#isTrayOpen = false;
      return inserted.cartridge;
    });
  }

  /** Opens the tray. Rejects with `TargetError` `MEDIUM_FLUSH_FAILED` when what was written may be lost; the tray stays closed then. */
  eject(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#isTrayOpen) return;
      await this.#takeOut();
      this.#isTrayOpen = true;
    });
  }

  /** Closes the tray. What is in it is read anew: the image may have been replaced. Who asked for it knows; the others are told. */
  load(by?: ITNexus): Promise<void> {
    return this.#inTurn(() => this.#load(by));
  }

  /** The operator presses the button: initiators that keep the tray closed are asked. False when it stays closed. */
  async press(): Promise<boolean> {
    if (!this.isRemovalPrevented) {
      await (this.#isTrayOpen ? this.load() : this.eject());
      return true;
    }
    const unit = this.#attached;
    this.events.tell(unit.host.nexusesOf(unit.lun), MediaEvent.ejectRequest);
    return false;
  }

  /** What was written is on stable storage when this resolves. */
  async sync(): Promise<void> {
    await this.#disc?.sync();
  }

  /** The format of the disc goes on in the background from now on. */
  beginBackgroundFormat(): void {
    this.#cancelFormat();
    const { recording } = this.#usable;
    recording?.setBackground('running');
    this.#cancelFormat = this.#attached.host.after(BACKGROUND_FORMAT_MS, () => {
      if (recording?.state.format?.background !== 'running') return;
      recording.setBackground('complete');
      this.#disc?.sync().catch(this.#options.onDefect);
    });
  }

  /** It stands still until it is started again; one that has come to its end stays there. */
  stopBackgroundFormat(): void {
    this.#cancelFormat();
    const recording = this.#disc?.recording ?? null;
    if (recording?.state.format?.background === 'running') recording.setBackground('stopped');
  }

  /** The engine stops. Rejects when what was written may be lost. */
  async close(): Promise<void> {
    this.stopBackgroundFormat();
    const disc = this.#disc;
    this.#disc = null;
    this.#medium = null;
    try {
      await disc?.sync();
    } finally {
      await disc?.close();
    }
  }

  get #attached(): LogicalUnit {
    assert(this.#unit !== null, 'the drive belongs to a unit');
    return this.#unit;
  }

  get #usable(): Disc {
    assert(this.#disc !== null, 'there is a disc');
    return this.#disc;
  }

  #present(disc: Disc): void {
    const unit = this.#attached;
    const { transferLengthBytesMax } = this.#options;
    this.#medium = unit.host.media.attach(disc.store, { blockLengthBytes: BLOCK_LENGTH_BYTES, readOnly: true, transferLengthBytesMax });
    this.speeds.useDisc(disc.profile);
    unit.changeMedium(this.#medium);
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    this.#moveCount++;
    const done = this.#moves.then(work);
    this.#moves = done.catch(() => undefined);
    try {
      return await done;
    } finally {
      this.#moveCount--;
    }
  }

  async #load(by?: ITNexus): Promise<void> {
    this.#isTrayOpen = false;
    const inserted = this.#inserted;
    if (inserted === null || this.#disc !== null) return;
    try {
      this.#disc = await this.#options.openDisc(inserted);
    } catch (error) {
      // The disc stays in, and commands are told that it cannot be read.
      if (error instanceof TargetError) this.#options.onNotice(`cdrom: ${error.message}`);
      else this.#options.onDefect(error);
    }
    if (this.#disc !== null) this.#present(this.#disc);
    const unit = this.#attached;
    this.events.tell(unit.host.nexusesOf(unit.lun), MediaEvent.newMedia);
    unit.tellNexuses(Asc.mediumMayHaveChanged, by);
  }

  /** First nobody begins anything more on the disc; then what was begun comes to its end, and is kept. */
  async #takeOut(): Promise<void> {
    const disc = this.#disc;
    const medium = this.#medium;
    const unit = this.#attached;
    if (disc === null) return;
    this.stopBackgroundFormat();
    this.#medium = null;
    unit.changeMedium(null);
    try {
      await disc.idle();
      await disc.sync();
    } catch (error) {
      this.#medium = medium;
      unit.changeMedium(medium);
      throw new TargetError('MEDIUM_FLUSH_FAILED', `what was written to ${disc.path} may be lost: it cannot be flushed`, { cause: error });
    }
    this.#disc = null;
    this.events.tell(unit.host.nexusesOf(unit.lun), MediaEvent.mediaRemoval);
    if (medium !== null) await unit.host.media.release(medium);
    await disc.close();
  }
}

/** The drive that the unit is. */
export function driveOf(unit: LogicalUnit): OpticalDrive {
  assert(unit.mediaDrive instanceof OpticalDrive, 'the unit is a drive for optical discs');
  return unit.mediaDrive;
}

/** The disc in it. For commands that need one: `prepare` has seen that there is one. */
export function discOf(unit: LogicalUnit): Disc {
  const { disc } = driveOf(unit);
  assert(disc !== null, 'there is a disc in the drive');
  return disc;
}
