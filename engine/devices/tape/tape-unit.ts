import { TargetError } from '../../errors.js';
import type { ITNexus } from '../../scsi/it-nexus.js';
import type { LogicalUnit, UnitCondition, UnitPart } from '../../scsi/logical-unit.js';
import type { Cartridge, MediaDrive } from '../../scsi/media-drive.js';
import { Asc, SenseKey } from '../../scsi/sense.js';
import { StartStopCounts } from '../../scsi/spc/log/common-pages.js';
import { MediumRemoval } from '../../scsi/spc/medium-removal.js';
import type { BoundThread } from '../bound-thread.js';
import { AlertFlag, TapeAlerts } from './alerts/tape-alerts.js';
import { DataEncryption } from './encryption/data-encryption.js';
import type { EncryptionParameters } from './encryption/set-data-encryption.js';
import type { TapeAttribute, TapeCreation, TapeFacts, TapeFault, TapePosition, TapeService } from './image/tape-service.js';
import { type Density, densityOfCode } from './medium/density.js';
import type { DriveSettings } from './medium/drive-settings.js';
import { alertOf, conditionOf } from './medium/tape-fault.js';

/** What is in the drive and what it does with it. */
export const DriveState = {
  empty: 'empty',
  /** It is being opened, or taken over by a new thread. */
  loading: 'loading',
  loaded: 'loaded',
  /** LOAD UNLOAD with HOLD: in the drive, not threaded. */
  held: 'held',
  /** Ejected, and not yet taken out. */
  unloaded: 'unloaded',
  /** Its image is no good. */
  refused: 'refused',
} as const;
export type DriveState = (typeof DriveState)[keyof typeof DriveState];

export interface TapeUnitOptions {
  readonly start: (onLost: () => void) => Promise<BoundThread<TapeService>>;
  /** What is made where a cartridge's image is not there; null: it has to be there. */
  readonly creation: TapeCreation | null;
  /** The drive writes nothing, whatever the cartridge. */
  readonly readOnly: boolean;
  readonly density: Density;
  /** What is written is compressed unless an initiator says otherwise. */
  readonly isCompressing: boolean;
  readonly settings: DriveSettings;
  readonly blockLengthBytesMax: number;
  readonly partitionCountMax: number;
  readonly onNotice: (message: string) => void;
  readonly onDefect: (error: unknown) => void;
}

type Call = BoundThread<TapeService>['call'];

const notReady = (asc: number): UnitCondition => ({ key: SenseKey.notReady, asc });
const NO_MEDIUM = notReady(Asc.mediumNotPresent);
const BECOMING_READY = notReady(Asc.logicalUnitBecomingReady);
const NEEDS_LOAD = notReady(Asc.logicalUnitStopped);

/** The condition of a drive whose cartridge could not be loaded, by the code of what `load` threw. */
const refusals: Readonly<Record<string, UnitCondition>> = {
  TAPE_IMAGE_UNKNOWN: { key: SenseKey.mediumError, asc: Asc.cannotReadUnknownFormat },
  TAPE_IMAGE_TOO_NEW: { key: SenseKey.mediumError, asc: Asc.cannotReadIncompatibleFormat },
  TAPE_IMAGE_DAMAGED: { key: SenseKey.mediumError, asc: Asc.mediumFormatCorrupted },
};
const NEEDS_OPERATOR = notReady(Asc.manualInterventionRequired);

/** A tape drive, all but the commands: the cartridge, the thread that works on its image, and what is true of both. SSC-4 "Sequential-access device model". */
export class TapeUnit implements UnitPart, MediaDrive {
  readonly kind = 'tape';
  readonly options: TapeUnitOptions;
  readonly settings: DriveSettings;
  #unit: LogicalUnit | null = null;
  #thread: BoundThread<TapeService> | null = null;
  #state: DriveState = DriveState.empty;
  #refusal: UnitCondition | null = null;
  #cartridge: Cartridge | null = null;
  #facts: TapeFacts | null = null;
  #attributes: readonly TapeAttribute[] = [];
  #position: TapePosition | null = null;
  #deferredError: UnitCondition | null = null;
  #applied: EncryptionParameters | null = null;
  #left: Promise<void> | null = null;
  #turn: Promise<unknown> | null = null;
  #isClosed = false;

  constructor(options: TapeUnitOptions) {
    this.options = options;
    this.settings = options.settings;
  }

  async start(): Promise<void> {
    this.#thread = await this.options.start(() => void this.#onLost());
    this.settings.connect((method, value) => this.#tell(method, value));
  }

  onAttached(unit: LogicalUnit): void {
    this.#unit = unit;
    unit.mediaDrive = this;
  }

  get unit(): LogicalUnit {
    return this.#unit as LogicalUnit;
  }

  get state(): DriveState {
    return this.#state;
  }

  /** As of the last command that needed them; null when no cartridge is loaded. */
  get facts(): TapeFacts | null {
    return this.#facts;
  }

  /** What hosts have written into the medium auxiliary memory, as of the last command that needed it. */
  get attributes(): readonly TapeAttribute[] {
    return this.#attributes;
  }

  get position(): TapePosition | null {
    return this.#position;
  }

  get current(): Cartridge | null {
    return this.#cartridge;
  }

  get isRemovalPrevented(): boolean {
    return this.#unit?.part(MediumRemoval).isPrevented ?? false;
  }

  get makesMissing(): boolean {
    return this.options.creation !== null && !this.options.readOnly;
  }

  get isUnloaded(): boolean {
    return this.#state === DriveState.unloaded || this.#state === DriveState.refused;
  }

  get isLoaded(): boolean {
    return this.#state === DriveState.loaded;
  }

  /** Of the cartridge, as far as its own is one that we know; else of the drive. */
  get density(): Density {
    return (this.#facts === null ? undefined : densityOfCode(this.#facts.densityCode)) ?? this.options.density;
  }

  /** Nothing can be written, whoever asks. */
  get isWriteProtected(): boolean {
    return this.options.readOnly || this.#facts?.writeProtected === true || this.#unit?.softwareWriteProtected === true;
  }

  get blockLengthBytesMax(): number {
    return Math.min(this.options.blockLengthBytesMax, this.#facts?.blockLengthBytesMax ?? this.options.blockLengthBytesMax);
  }

  /** For TEST UNIT READY and all that wants a medium. SSC-4 "Ready state". */
  get readiness(): UnitCondition | null {
    switch (this.#state) {
      case DriveState.loaded:
        return null;
      case DriveState.loading:
        return BECOMING_READY;
      case DriveState.held:
        return NEEDS_LOAD;
      case DriveState.refused:
        return this.#refusal;
      default:
        return NO_MEDIUM;
    }
  }

  /** Calls the service. Calls are done in the order in which they are made; where an answer has a position, that is the drive's from then on. */
  readonly call = (async (name: keyof TapeService, ...args: unknown[]) => {
    const thread = this.#thread;
    if (thread === null) throw new TargetError('DEVICE_CLOSED', 'the tape drive is closed');
    const answer: unknown = await (thread.call as (name: string, ...args: unknown[]) => Promise<unknown>).call(thread, name, ...args);
    const position = (answer as { position?: TapePosition } | null)?.position;
    if (position !== undefined && this.isLoaded) this.#position = position;
    const fault = (answer as { fault?: TapeFault | null } | null)?.fault ?? null;
    if (fault !== null) this.#onFault(fault);
    return answer;
  }) as Call;

  /** What follows is written and read as the nexus wants it. */
  useEncryptionOf(nexus: ITNexus): void {
    const parameters = this.unit.part(DataEncryption).parametersOf(nexus);
    if (parameters === this.#applied) return;
    this.#applied = parameters;
    this.#tell('setEncryption', this.settings.encryptionOf(parameters));
  }

  /** Asks the service for what log pages and attributes tell. */
  async refresh(): Promise<void> {
    if (!this.isLoaded) return;
    const [facts, attributes] = await Promise.all([this.call('facts'), this.call('attributes')]);
    // It may have been unloaded meanwhile.
    if (!this.isLoaded) return;
    this.#facts = facts;
    this.#attributes = attributes;
  }

  /** Work that a command has begun and does not wait for: later ones do. */
  leave(work: Promise<void>): void {
    const done = work.catch(() => this.defer({ key: SenseKey.hardwareError, asc: Asc.internalTargetFailure }));
    this.#left = done;
    void done.then(() => {
      if (this.#left === done) this.#left = null;
    });
  }

  /** Resolves when there is no such work. */
  async settled(): Promise<void> {
    while (this.#left !== null) await this.#left;
  }

  /** A command was answered before its work was done, and the work failed: the next one tells. SPC-4 "Current errors and deferred errors". */
  defer(error: UnitCondition): void {
    this.#deferredError = error;
  }

  takeDeferredError(): UnitCondition | null {
    const error = this.#deferredError;
    this.#deferredError = null;
    return error;
  }

  async insert(cartridge: Cartridge): Promise<void> {
    if (this.#cartridge !== null) throw new TargetError('MEDIUM_PRESENT', `the drive holds ${this.#cartridge.path} already`);
    if (cartridge.kind !== this.kind) throw new TargetError('MEDIUM_KIND', `a tape drive does not take ${cartridge.kind} media`);
    this.#cartridge = cartridge;
    try {
      await this.load();
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.options.onNotice(message.includes(cartridge.path) ? message : `${cartridge.path}: ${message}`);
    }
  }

  /** The cartridge of the configuration: here an image that is no good is an error. Throws as `load` does. */
  async loadFirst(cartridge: Cartridge): Promise<void> {
    this.#cartridge = cartridge;
    await this.load();
  }

  /** Also while initiators prevent it, where an operator wants it so. */
  remove({ isForced = false }: { readonly isForced?: boolean } = {}): Promise<Cartridge> {
    return this.#inTurn(() => this.#remove(isForced));
  }

  async #remove(isForced: boolean): Promise<Cartridge> {
    const cartridge = this.#cartridge;
    if (cartridge === null) throw new TargetError('MEDIUM_ABSENT', 'there is no cartridge in the drive');
    if (this.isRemovalPrevented && !isForced) throw new TargetError('MEDIUM_PREVENTED', 'an initiator has forbidden to take the cartridge out');
    const fault = await this.#unload(DriveState.unloaded);
    if (fault !== null) throw new TargetError('MEDIUM_FLUSH_FAILED', `what was buffered for ${cartridge.path} could not be written (${fault.kind})`);
    this.#cartridge = null;
    this.#state = DriveState.empty;
    this.#refusal = null;
    return cartridge;
  }

  /**
   * Loads the cartridge that is in the drive, unless an earlier load has done so by then. Throws `TargetError` when its image is no good. Who asked for it
   * knows of it, the others are told.
   */
  load(by?: ITNexus): Promise<void> {
    return this.#inTurn(() => this.#load(by));
  }

  async #load(by?: ITNexus): Promise<void> {
    const cartridge = this.#cartridge;
    if (cartridge === null) throw new TargetError('MEDIUM_ABSENT', 'there is no cartridge in the drive');
    if (this.isLoaded) return;
    const isAnnounced = this.#state !== DriveState.loading;
    this.#state = DriveState.loading;
    const { readOnly, creation } = this.options;
    const create = creation === null || readOnly ? null : { ...creation, barcode: cartridge.barcode ?? creation.barcode };
    try {
      await this.#revive();
      const { facts, notices } = await this.call('load', { path: cartridge.path, readOnly, create });
      for (const notice of notices) this.options.onNotice(`${cartridge.path}: ${notice}`);
      this.#position = await this.call('position');
      this.#facts = facts;
      this.#state = DriveState.loaded;
    } catch (error) {
      // A thread that has died says nothing of the cartridge: its successor takes it in.
      if (!isThreadLoss(error)) this.#refuse(error);
      throw error;
    }
    if (isAnnounced) this.#announce(by);
  }

  /** Writes back what is buffered and lets the image go; the cartridge is in the drive still. */
  unload(to: typeof DriveState.held | typeof DriveState.unloaded): Promise<TapeFault | null> {
    return this.#inTurn(() => this.#unload(to));
  }

  async #unload(to: typeof DriveState.held | typeof DriveState.unloaded): Promise<TapeFault | null> {
    const wasLoaded = this.isLoaded;
    if (this.#state !== DriveState.refused || to === DriveState.unloaded) this.#state = to;
    if (!wasLoaded) return null;
    this.#facts = null;
    this.#position = null;
    this.settings.onDemount();
    const { fault } = await this.call('unload');
    this.#unit?.part(DataEncryption).onDemount();
    return fault;
  }

  /**
   * Loading and unloading take long, come from commands that do not wait for them, from operators and from changers, and are done one after the other. What
   * finds nothing to wait for begins at once.
   */
  async #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const before = this.#turn;
    const result = before === null ? work() : before.then(work);
    const ended = result.then(
      () => undefined,
      () => undefined,
    );
    this.#turn = ended;
    try {
      return await result;
    } finally {
      if (this.#turn === ended) this.#turn = null;
    }
  }

  /** Everything to stable storage, and the thread ends. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const thread = this.#thread;
    if (thread === null) return;
    try {
      const fault = thread.isLost ? null : await this.unload(DriveState.held);
      if (fault !== null)
        throw new TargetError('TAPE_FLUSH_FAILED', `${this.#cartridge?.path ?? 'the tape'}: buffered data could not be written (${fault.kind})`);
    } finally {
      await thread.close();
    }
  }

  onRemoved(): void {
    this.#deferredError = null;
  }

  onReset(): void {
    this.settings.onReset();
    this.#deferredError = null;
  }

  /** Not-ready to ready: all nexuses but the one that made it so learn of it. SPC-4 "Removable medium". */
  #announce(by?: ITNexus): void {
    const unit = this.#unit;
    if (unit === null) return;
    unit.part(TapeAlerts).onLoad();
    unit.part(StartStopCounts).loadUnloadCount++;
    // The pages that tell of the medium start anew with it.
    unit.changeMedium(null);
    unit.tellNexuses(Asc.mediumMayHaveChanged, by);
  }

  #refuse(error: unknown): void {
    this.#facts = null;
    this.#position = null;
    this.#state = DriveState.refused;
    this.#refusal = (error instanceof TargetError ? refusals[error.code] : undefined) ?? NEEDS_OPERATOR;
    const isOfFormat = this.#refusal.key === SenseKey.mediumError;
    this.#unit?.part(TapeAlerts).raise(isOfFormat ? AlertFlag.unsupportedFormat : AlertFlag.loadingFailure);
    if (!(error instanceof TargetError)) this.options.onDefect(error);
  }

  #onFault(fault: TapeFault): void {
    const flag = alertOf(fault);
    if (flag !== null) this.#unit?.part(TapeAlerts).raise(flag);
  }

  /** Settings go to the service in their order with the commands; what a lost thread missed, its successor is told. */
  #tell<Name extends 'setCompression' | 'setEncryption' | 'setProgrammableEarlyWarning'>(name: Name, value: Parameters<TapeService[Name]>[0]): void {
    const thread = this.#thread;
    if (thread === null || thread.isLost) return;
    (thread.call as (name: string, value: unknown) => Promise<unknown>).call(thread, name, value).catch((error: unknown) => {
      if (!(error instanceof TargetError)) this.options.onDefect(error);
    });
  }

  /** The thread has died: another takes the image over. What was durable is there, and the tape stands at its beginning. */
  async #onLost(): Promise<void> {
    const thread = this.#thread;
    if (this.#isClosed || thread === null) return;
    const wasLoaded = this.isLoaded || this.#state === DriveState.loading;
    if (wasLoaded) this.#state = DriveState.loading;
    this.#applied = null;
    // SAM-5 "Power on": the device server begins anew, and whoever relied on the position has to know before it does anything.
    this.#unit?.tellNexuses(Asc.powerOnOrReset);
    let hasRestarted = false;
    try {
      await this.#inTurn(async () => {
        await thread.restart();
        hasRestarted = true;
        this.settings.tellAll();
        // A load that was cut off has failed by now; an unload has been done.
        if (!wasLoaded || (this.#state !== DriveState.loading && this.#state !== DriveState.refused)) return;
        this.#state = DriveState.loading;
        await this.#load();
      });
    } catch (error) {
      // One that has come and died as well is told of once more.
      if (this.#isClosed || (hasRestarted && isThreadLoss(error))) return;
      if (this.#state === DriveState.loading) this.#refuse(error);
      this.options.onNotice(`the tape drive did not come back: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  /** A thread in the place of one that has died; where none could be started, the next load tries again. */
  async #revive(): Promise<void> {
    const thread = this.#thread;
    if (thread === null || !thread.isLost || this.#isClosed) return;
    await thread.restart();
    this.#applied = null;
    this.settings.tellAll();
  }

  /** The sense data of a failed piece of work that nobody waits for. */
  deferFault(fault: TapeFault | null): void {
    if (fault !== null) this.defer(conditionOf(fault));
  }
}

function isThreadLoss(error: unknown): boolean {
  return error instanceof TargetError && error.code === 'DEVICE_THREAD_LOST';
}

/** The drive of a unit of this type: it was given to it when it was made, so that its constructor is never called with the unit. */
export function tapeOf(unit: LogicalUnit): TapeUnit {
  return unit.givenPart(TapeUnit);
}
