import type { ScsiStatus } from '../scsi/status.js';

/** Task attributes, SAM-5 "Task attributes". */
export type LoopbackAttribute = 'simple' | 'ordered' | 'head of queue' | 'aca';

/** A SCSI command as it is given to a device server, SAM-5 "Execute Command procedure call". */
export interface LoopbackCommand {
  readonly lun?: number;
  /** 6 to 260 bytes. */
  readonly cdb: Uint8Array;
  /** Its length is the expected length too. It must not change until the command has ended. */
  readonly dataOut?: Uint8Array;
  /** Bytes of Data-In that are expected; none where it is left out. */
  readonly dataInLength?: number;
  /** `simple` where it is left out. */
  readonly attribute?: LoopbackAttribute;
  /** ABORT TASK when it is aborted. */
  readonly signal?: AbortSignal;
}

export interface LoopbackResult {
  readonly status: ScsiStatus;
  /** Empty without any; up to 252 bytes. */
  readonly sense: Uint8Array;
  /** The caller's own. */
  readonly dataIn: Uint8Array;
  /** Bytes that the device server wanted more (negative) or less (positive) than were expected, in either direction. */
  readonly dataOutResidual: number;
  readonly dataInResidual: number;
}
