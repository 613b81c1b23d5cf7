/** A tape cartridge or a disc, as a library knows it. */
export interface Cartridge {
  /** Absolute path of its image. */
  readonly path: string;
  /** Volume tag, or null where it has none. */
  readonly barcode: string | null;
  /** The device kind whose drives take it, as `--lun` names it: `tape`, `cdrom`. */
  readonly kind: string;
}

/** A logical unit that media are put into and taken out of, by a media changer or an operator. */
export interface MediaDrive {
  readonly kind: string;
  /** In the drive, whether it is loaded or has been ejected and waits to be taken. */
  readonly current: Cartridge | null;
  /** An initiator wants the medium to stay. SPC-4 "PREVENT ALLOW MEDIUM REMOVAL command". */
  readonly isRemovalPrevented: boolean;
  /** A cartridge whose image is not there yet gets an empty one when it is loaded. Not so where it is left out. */
  readonly makesMissing?: boolean;
  /** Unloaded by a command and still in the drive. */
  readonly isUnloaded: boolean;
  /**
   * Loads it and makes it ready; all nexuses are told by NOT READY TO READY CHANGE, MEDIUM MAY HAVE CHANGED. An image that is no good stays in the drive, which
   * answers with sense data that says so. Rejects with `TargetError` `MEDIUM_PRESENT` and `MEDIUM_KIND`.
   */
  insert(cartridge: Cartridge): Promise<void>;
  /** Writes back what is buffered and gives the cartridge out. Rejects with `TargetError` `MEDIUM_ABSENT`, `MEDIUM_PREVENTED` and `MEDIUM_FLUSH_FAILED`. */
  remove(): Promise<Cartridge>;
}
