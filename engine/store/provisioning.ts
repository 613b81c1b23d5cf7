/** A stretch of a store with or without space of its own. */
export interface StoreExtent {
  readonly allocated: boolean;
  /** It has space and was not written since it got it. Only where the store tells, and never of what is not allocated. */
  readonly anchored?: boolean;
  /** From where was asked; at least 1. */
  readonly lengthBytes: number;
}

/** What a store can do whose space is taken by what is written and can be given back. */
export interface Provisioning {
  /** Space is taken and given back in pieces of so many bytes, which begin at multiples of it. */
  readonly granularityBytes: number;
  /**
   * Makes the range read as zeros and gives back the space of the pieces that lie whole in it. Answers 0 or a `StoreFault`; with `durable` it is on stable
   * storage then.
   */
  unmap(positionBytes: number, lengthBytes: number, durable: boolean): number;
  /** Takes space for what has none in the range, so that a later write finds room; what is read does not change. Answers 0 or a `StoreFault`. */
  anchor(positionBytes: number, lengthBytes: number): number;
  /** Whether `extentAt` tells space that was anchored from space that was written. To be asked once a command at most. */
  readonly tellsAnchored: boolean;
  /**
   * Whether the byte at `positionBytes` has space, and how far that goes, `lengthBytes` at most: the truth, or `allocated` where the store cannot know.
   * Only with `tellAnchored` it tells for sure what is `anchored`, for which it may have to flush and wait: not on the main thread.
   */
  extentAt(positionBytes: number, lengthBytes: number, tellAnchored?: boolean): StoreExtent;
  /**
   * Bytes with space of their own. Of memory a counter, to be asked at will; of a file one fstat(2), to be asked by the second and not by the command.
   */
  readonly usedBytes: number;
  /** Bytes that may have space: what the configuration grants; null when it says nothing, and a file may still find its file system full before. */
  readonly spaceBytes: number | null;
}
