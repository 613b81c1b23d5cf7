/** What a LIST or LIST COLLECTION lists: partitions, or what is in a partition or collection. */
export interface ListSource {
  readonly partitionId: bigint;
  readonly collectionId: bigint | null;
}

interface OpenList {
  readonly source: ListSource;
  hasChanged: boolean;
}

const IDENTIFIER_MAX = 0xffff_ffff;

/** LIST IDENTIFIER and LSTCHG, OSD-2 "LIST command". Restarts forget them all: a list then has to be begun anew. */
export class ListIdentifiers {
  readonly #open = new Map<number, OpenList>();
  readonly #countMax: number;
  #last: number;

  /** So many lists that were cut are remembered; the oldest is forgotten first. */
  constructor(countMax: number, first: number) {
    this.#countMax = countMax;
    this.#last = first;
  }

  /** Whether the identifier was given out for this list, and what has happened to the list since; null for one that was not. */
  find(identifier: number, source: ListSource): { readonly hasChanged: boolean } | null {
    const list = this.#open.get(identifier);
    return list !== undefined && list.source.partitionId === source.partitionId && list.source.collectionId === source.collectionId ? list : null;
  }

  begin(source: ListSource): number {
    if (this.#open.size >= this.#countMax) this.#open.delete(this.#open.keys().next().value as number);
    this.#last = (this.#last % IDENTIFIER_MAX) + 1;
    this.#open.set(this.#last, { source, hasChanged: false });
    return this.#last;
  }

  end(identifier: number): void {
    this.#open.delete(identifier);
  }

  /** Something has come to or gone from the partition, one of its collections, or with 0 the set of partitions. */
  noteChange(partitionId: bigint): void {
    for (const list of this.#open.values()) if (list.source.partitionId === partitionId) list.hasChanged = true;
  }

  forgetAll(): void {
    this.#open.clear();
  }
}
