import { TargetError } from '../../engine/errors.js';
import { BlockDevice, type RetryOptions } from '../../initiator/index.js';
import { type OpenUnit, openUnit, withFaultsOf } from '../target-session.js';
import type { CopySink, CopySource } from './endpoint.js';

export interface LunEndpointOptions {
  readonly digests: boolean;
  readonly initiatorName: string | undefined;
  /** Bytes of one block of the copy: one command where the unit takes it. */
  readonly blockBytes: number;
  /** FUA. */
  readonly isDurable?: boolean;
}

/** A copy takes minutes: what other initiators do meanwhile is no reason to give up, and both operations can be repeated. */
const RETRY: RetryOptions = { unitAttentionCountMax: 16, busyCountMax: 100, busyDelayMs: 100 };

async function openDevice(url: string, { digests, initiatorName, blockBytes }: LunEndpointOptions): Promise<{ opened: OpenUnit; device: BlockDevice }> {
  return withFaultsOf(url, async () => {
    const opened = await openUnit(url, { digests, initiatorName, retry: RETRY });
    try {
      return { opened, device: await BlockDevice.open(opened.unit, { transferLengthBytesMax: blockBytes }) };
    } catch (error) {
      await opened.close();
      throw error;
    }
  });
}

/** Bytes of a logical unit, from any place on. Rejects as `withFaultsOf`. */
export async function openLunSource(url: string, options: LunEndpointOptions): Promise<CopySource> {
  const { opened, device } = await openDevice(url, options);
  const blockBytes = device.blockLengthBytes;
  const sizeBytes = Number(device.sizeBytes);
  return {
    sizeBytes,
    isSequential: false,
    read: (offset, lengthBytes) =>
      withFaultsOf(url, async () => {
        const end = Math.min(offset + lengthBytes, sizeBytes);
        if (end <= offset) return Buffer.alloc(0);
        const lba = Math.floor(offset / blockBytes);
        const data = await device.read(lba, Math.ceil(end / blockBytes) - lba);
        return data.subarray(offset - lba * blockBytes, end - lba * blockBytes);
      }),
    interrupt() {},
    close: opened.close,
  };
}

/** Blocks of a logical unit. */
class LunSink implements CopySink {
  readonly isSequential = false;
  readonly sizeBytes: number;
  readonly alignmentBytes: number;
  readonly close: () => Promise<void>;
  readonly #url: string;
  readonly #device: BlockDevice;
  readonly #fua: boolean;
  readonly #zeroBlock: Buffer;
  /** WRITE SAME with UNMAP leaves zeros whatever the unit decides; UNMAP alone may leave anything. */
  readonly #canUnmap: boolean;

  constructor(url: string, opened: OpenUnit, device: BlockDevice, fua: boolean) {
    this.#url = url;
    this.#device = device;
    this.#fua = fua;
    this.close = opened.close;
    this.sizeBytes = Number(device.sizeBytes);
    this.alignmentBytes = device.blockLengthBytes;
    this.#zeroBlock = Buffer.alloc(device.blockLengthBytes);
    this.#canUnmap = device.provisioning?.writeSame16Unmaps === true;
  }

  write(offset: number, data: Buffer): Promise<void> {
    return withFaultsOf(this.#url, async () => {
      const lba = offset / this.alignmentBytes;
      const wholeBytes = data.length - (data.length % this.alignmentBytes);
      if (wholeBytes > 0) await this.#device.write(lba, data.subarray(0, wholeBytes), { fua: this.#fua });
      if (wholeBytes === data.length) return;
      // The end of the input is within a block: the rest of it stays what it is.
      const last = lba + wholeBytes / this.alignmentBytes;
      const block = Buffer.from(await this.#device.read(last, 1));
      data.copy(block, 0, wholeBytes);
      await this.#device.write(last, block, { fua: this.#fua });
    });
  }

  leaveZeros(offset: number, lengthBytes: number): Promise<boolean> {
    return withFaultsOf(this.#url, async () => {
      if (!this.#canUnmap || lengthBytes % this.alignmentBytes !== 0) return false;
      await this.#device.writeSame(offset / this.alignmentBytes, lengthBytes / this.alignmentBytes, this.#zeroBlock, { unmap: true });
      return true;
    });
  }

  finish(_endBytes: number, flush: boolean): Promise<void> {
    return withFaultsOf(this.#url, async () => {
      if (flush) await this.#device.synchronizeCache();
    });
  }
}

/** Rejects as `withFaultsOf`, and `COPY_USAGE` when blocks of the copy are not whole blocks of the unit. */
export async function openLunSink(url: string, options: LunEndpointOptions, seekBytes: number): Promise<CopySink> {
  const { opened, device } = await openDevice(url, options);
  for (const [key, value] of [
    ['bs', options.blockBytes],
    ['seek', seekBytes],
  ] as const) {
    if (value % device.blockLengthBytes === 0) continue;
    await opened.close();
    throw new TargetError('COPY_USAGE', `${key}= is ${value} bytes, no multiple of the unit’s block length of ${device.blockLengthBytes}`);
  }
  return new LunSink(url, opened, device, options.isDurable === true);
}
