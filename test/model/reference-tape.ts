import type { TapeSpaceUnit } from '../../engine/devices/tape/image/tape-service.js';

/** A block's contents, or a filemark. */
export type TapeObject = Buffer | 'mark';

export interface ReferencePartition {
  readonly objects: TapeObject[];
  /** So many of them outlive a power cut at least. */
  durableCount: number;
}

/** Arrays of blocks and marks, and where one stands in them. */
export class ReferenceTape {
  partitions: ReferencePartition[] = [{ objects: [], durableCount: 0 }];
  partition = 0;
  at = 0;

  clone(): ReferenceTape {
    const copy = new ReferenceTape();
    copy.partitions = this.partitions.map(({ objects, durableCount }) => ({ objects: [...objects], durableCount }));
    copy.partition = this.partition;
    copy.at = this.at;
    return copy;
  }

  get #current(): ReferencePartition {
    return this.partitions[this.partition] as ReferencePartition;
  }

  get objects(): TapeObject[] {
    return this.#current.objects;
  }

  get fileNumber(): number {
    return marksIn(this.objects.slice(0, this.at));
  }

  makeDurable(): void {
    for (const each of this.partitions) each.durableCount = each.objects.length;
  }

  write(objects: readonly TapeObject[]): void {
    this.cut();
    this.objects.push(...objects);
    this.at = this.objects.length;
  }

  cut(): void {
    this.objects.length = this.at;
    this.#current.durableCount = Math.min(this.#current.durableCount, this.at);
  }

  /** Nothing is certain of what was not there when the tape was like `before`, nor of what was behind its place. */
  forgetBehind(before: ReferenceTape): void {
    for (const [partition, each] of this.partitions.entries()) {
      const { durableCount } = before.partitions[partition] as ReferencePartition;
      each.durableCount = partition === before.partition ? Math.min(durableCount, before.at) : durableCount;
    }
  }

  format(count: number): void {
    this.partitions = Array.from({ length: count }, () => ({ objects: [], durableCount: 0 }));
    this.partition = 0;
    this.at = 0;
  }

  /** Answers how it ends and what is left of the count, one step at a time. */
  space(what: TapeSpaceUnit, count: number): string {
    if (what === 'endOfData') {
      this.at = this.objects.length;
      return 'done 0';
    }
    const step = Math.sign(count);
    let left = Math.abs(count);
    let run = 0;
    while (left > 0) {
      const passed = step > 0 ? this.objects[this.at] : this.objects[this.at - 1];
      if (passed === undefined) return `${step > 0 ? 'endOfData' : 'beginningOfPartition'} ${what === 'sequentialFilemarks' ? Math.abs(count) : left}`;
      this.at += step;
      run = passed === 'mark' ? run + 1 : 0;
      if (what === 'blocks' && passed === 'mark') return `filemark ${left}`;
      if (what === 'blocks' || (what === 'filemarks' && passed === 'mark')) left--;
      if (what === 'sequentialFilemarks' && run === Math.abs(count)) return 'done 0';
    }
    return 'done 0';
  }

  locate(to: 'object' | 'file' | 'endOfData', number: number): string {
    const { objects } = this;
    const exists = to === 'object' ? number <= objects.length : to === 'file' ? number <= marksIn(objects) : true;
    this.at = objects.length;
    if (!exists || to === 'endOfData') return exists ? 'done' : 'endOfData';
    if (to === 'object') this.at = number;
    else for (this.at = 0; marksIn(objects.slice(0, this.at)) < number; ) this.at++;
    return 'done';
  }
}

export function marksIn(objects: readonly TapeObject[]): number {
  return objects.filter((object) => object === 'mark').length;
}
