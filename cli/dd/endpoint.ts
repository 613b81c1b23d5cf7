/** Where bytes come from. */
export interface CopySource {
  /** Null when nobody knows before its end. */
  readonly sizeBytes: number | null;
  /** It has no places: reads come one after the other, and `offset` is where they are anyway. */
  readonly isSequential: boolean;
  /** Fewer bytes than asked for come at the end only. */
  read(offset: number, lengthBytes: number): Promise<Buffer>;
  /** Ends a read that waits for somebody who may never write; what came before counts. */
  interrupt(): void;
  /** Never rejects. */
  close(): Promise<void>;
}

/** Where they go. */
export interface CopySink {
  /** Null when there is no end that is known. */
  readonly sizeBytes: number | null;
  readonly isSequential: boolean;
  /** Writes start at multiples of it, and all but the last are as long. */
  readonly alignmentBytes: number;
  write(offset: number, data: Buffer): Promise<void>;
  /** Makes a range read as zeros without writing them; answers false when it cannot, and has done nothing then. */
  leaveZeros(offset: number, lengthBytes: number): Promise<boolean>;
  /** All has been written, up to `endBytes`; `flush` asks for durable. */
  finish(endBytes: number, flush: boolean): Promise<void>;
  /** Never rejects. */
  close(): Promise<void>;
}
