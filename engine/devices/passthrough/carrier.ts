import type { TaskAttribute } from '../../pdu/index.js';
import type { DataDirection } from '../../shm/layout.js';

/** A command as it goes to the device that stands behind: its memory stays what it is until the command has ended. */
export interface CarriedCommand {
  readonly cdb: Uint8Array;
  readonly attribute: TaskAttribute;
  /** Data may be said to move although none is expected. */
  readonly direction: DataDirection;
  /** Null for none. */
  readonly dataOut: Uint8Array | null;
  /** Where Data-In is to land, all of it expected; null for none. */
  readonly dataIn: Uint8Array | null;
}

/** What the device made of it. */
export interface CarriedAnswer {
  readonly kind: 'answered';
  /** A `ScsiStatus` value. */
  readonly status: number;
  /** As the device sent it, empty when there is none. */
  readonly sense: Uint8Array;
  /** Bytes of Data-In that the device had, which may be more than there was room for. */
  readonly dataInLength: number;
  /** Bytes of Data-Out that it wanted. */
  readonly dataOutLength: number;
}

/**
 * What becomes of a command: `unsent` has surely not been executed, `lost` may have been, `aborted` was ended by us, and `refused` is one that the way to the
 * device cannot carry.
 */
export type CarriedEnd = CarriedAnswer | { readonly kind: 'unsent' | 'lost' | 'aborted' | 'refused' };

export interface CarriedTask {
  /** Ends it soon: as `aborted`, or as it ends by itself meanwhile. */
  abort(): void;
}

/** An open way to a device: a session with a target, or a device file. */
export interface Carrier {
  /** Calls `onEnd` once, never before it returns. Then nobody touches the memory of the command any more. */
  carry(command: CarriedCommand, onEnd: (end: CarriedEnd) => void): CarriedTask;
  /** LOGICAL UNIT RESET. Resolves when the device has done it or cannot; never rejects. */
  resetUnit(): Promise<void>;
  /** CLEAR ACA; never rejects. */
  clearAca(): Promise<void>;
  /** Lets go of it in order; what runs ends. Never rejects. */
  close(): Promise<void>;
  /** Breaks it as if by accident: for tests of what stands before it. */
  break(): void;
}

/** Opens ways to one device. */
export interface Connector {
  /** For people; without secrets. */
  readonly name: string;
  /** Whether each nexus has a way of its own, so that the device tells them apart. */
  readonly isPerNexus: boolean;
  /**
   * `wayName` tells the way from all others, and is the same when it is opened again: the device may know it by that. Rejects with an `Error` that says why.
   * `onLost` is called once when the way has gone by itself.
   */
  connect(wayName: string, onLost: (why: string) => void): Promise<Carrier>;
}
