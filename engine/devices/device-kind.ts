import type { z } from 'zod';
import type { Clock } from '../clock.js';
import type { DeviceLunConfig } from '../config/engine-config.js';
import type { Parsed } from '../config/parsed.js';
import type { Limits } from '../limits.js';
import type { DeviceType } from '../scsi/command-table.js';
import type { LogicalUnitIdentity, UnitPart } from '../scsi/logical-unit.js';

/** What is wrong with an option of a LUN, in a sentence. */
export interface OptionProblem {
  readonly key: string;
  readonly message: string;
}

/**
 * A kind of device beside disks, all that is known of it outside of its folder. Modules of clients and workers import the kinds, so that what is heavy is
 * imported by `open`.
 */
export interface DeviceKind {
  /** What stands before the colon of `--lun 1=tape:PATH`. */
  readonly name: string;
  /** For messages: `tape:PATH`. */
  readonly form: string;
  /** The text behind the colon, empty when there is none. */
  parseSource(text: string): Parsed<string>;
  /** A source with a path in it as one that means the same wherever it is read: relative paths start at the directory. */
  resolveSource?(source: string, baseDirectory: string): string;
  /** The source, or a text that has it in it, as it may be shown and logged, without secrets. As it stands where this is left out. */
  showSource?(source: string): string;
  /** The file or directory that the device has for itself; two LUNs that are not both read only must not have the same. */
  ownPath?(source: string): string | null;
  /**
   * Keys that a LUN of this kind has beside `lun`, `store`, `readonly`, `execution`, `naa`, `serial`, `vendor` and `product`; disks and other kinds may have
   * keys of the same name. What a schema made of a value it must take again: configurations are written and read again.
   */
  readonly options: Readonly<Record<string, z.ZodType>>;
  /** Those of them that are paths: relative ones start where those of sources do. */
  readonly pathOptions?: readonly string[];
  /** Rules between the options. */
  check?(device: DeviceLunConfig['device'], isReadOnly: boolean): readonly OptionProblem[];
  /** All device types that it has, for whoever wants to know their commands. */
  types(): Promise<readonly DeviceType[]>;
  /** Those of them that have medium commands: workers find them by their names. */
  readonly mediumTypes?: readonly DeviceType[];
  /** Throws `TargetError` with a sentence that says what is wrong; what is there already is never overwritten then. */
  open(config: DeviceLunConfig, context: OpenContext): Promise<OpenDevice>;
}

/** What a device may use of the engine that opens it. */
export interface OpenContext {
  readonly limits: Limits;
  readonly clock: Clock;
  readonly targetName: string;
  /** False when everything runs on the main thread: `BoundThread.start` takes it. */
  readonly isBound: boolean;
  /** What an operator should know, in a sentence. */
  readonly onNotice: (message: string) => void;
  readonly onDefect: (error: unknown) => void;
}

/** Something that an operator may ask of a device while it is served: `lunloom lun do LUN NAME ARGUMENTS…`. */
export interface DeviceOperation {
  /** Its arguments and what it does: `PATH [barcode=TEXT]  puts a cartridge in`. */
  readonly usage: string;
  /** Resolves with what is to be shown, as JSON knows it. Rejects with `TargetError`. */
  run(args: readonly string[]): Promise<unknown>;
}

export interface DeviceStatus {
  /** Of the medium, or null when there is none or it has no size. */
  readonly sizeBytes: number | null;
  readonly blockLengthBytes: number | null;
  readonly loaded: boolean;
  /** More of it in a few words, such as what is in a drive; may be empty. */
  readonly detail: string;
}

/** A device that has been opened, and is about to become a logical unit. */
export interface OpenDevice {
  readonly deviceType: DeviceType;
  /** In the place of the engine's own defaults; what the configuration says goes before both. */
  readonly identity?: Partial<LogicalUnitIdentity>;
  /** RMB of INQUIRY. */
  readonly removable?: boolean;
  /** The device itself: `unit.givenPart` finds each by its class, and `onAttached` tells it its unit. */
  readonly parts: readonly UnitPart[];
  describe(): DeviceStatus;
  readonly operations?: Readonly<Record<string, DeviceOperation>>;
  /** Writes back what is buffered and lets go of everything. Rejects when acknowledged data may be lost. */
  close(): Promise<void>;
}
