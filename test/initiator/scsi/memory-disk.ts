import type { CommandOptions, CommandResult } from '../../../initiator/command-exchange.js';
import { checkConditionOf } from './scripted-unit.js';

export interface DiskPages {
  /** Body of the Block Limits page; without it the unit has no such page. */
  readonly blockLimits?: Buffer;
  readonly provisioning?: Buffer;
}

const ILLEGAL_REQUEST = 5;

/** A disk of a few blocks that knows what the tests of `BlockDevice` send; anything else is INVALID COMMAND OPERATION CODE. */
export class MemoryDisk {
  readonly bytes: Buffer;
  readonly blockBytes: number;
  readonly #pages: ReadonlyMap<number, Buffer>;

  constructor(lbaCount: number, blockBytes: number, pages: DiskPages = {}) {
    this.bytes = Buffer.alloc(lbaCount * blockBytes);
    this.blockBytes = blockBytes;
    const known: [number, Buffer][] = [];
    if (pages.blockLimits !== undefined) known.push([0xb0, pages.blockLimits]);
    if (pages.provisioning !== undefined) known.push([0xb2, pages.provisioning]);
    this.#pages = new Map([[0, Buffer.from([0, ...known.map(([code]) => code)])], ...known]);
  }

  readonly answer = (options: CommandOptions): Partial<CommandResult> => {
    const cdb = Buffer.from(options.cdb);
    switch (cdb[0]) {
      case 0x00:
      case 0x35:
      case 0x42:
      case 0x34:
        return {};
      case 0x12:
        return this.#inquiry(cdb);
      case 0x9e:
        return { dataIn: this.#capacity() };
      case 0x28:
        return { dataIn: Buffer.from(this.#range(cdb)) };
      case 0x2a:
        this.#range(cdb).set(options.dataOut as Uint8Array);
        return {};
      case 0x41:
        this.#fill(this.#range(cdb), options.dataOut as Uint8Array);
        return {};
      case 0x2f:
        return this.#range(cdb).equals(options.dataOut as Uint8Array) ? {} : checkConditionOf(0x0e, 0x1d00);
      default:
        return checkConditionOf(ILLEGAL_REQUEST, 0x2000);
    }
  };

  #fill(range: Buffer, block: Uint8Array): void {
    for (let at = 0; at < range.length; at += this.blockBytes) range.set(block, at);
  }

  #inquiry(cdb: Buffer): Partial<CommandResult> {
    const body = this.#pages.get(cdb[2] as number);
    if (body === undefined) return checkConditionOf(ILLEGAL_REQUEST, 0x2400);
    const header = Buffer.from([0, cdb[2] as number, 0, body.length]);
    return { dataIn: Buffer.concat([header, body]) };
  }

  #capacity(): Buffer {
    const data = Buffer.alloc(32);
    data.writeBigUInt64BE(BigInt(this.bytes.length / this.blockBytes - 1), 0);
    data.writeUInt32BE(this.blockBytes, 8);
    return data;
  }

  #range(cdb: Buffer): Buffer {
    const at = cdb.readUInt32BE(2) * this.blockBytes;
    return this.bytes.subarray(at, at + cdb.readUInt16BE(7) * this.blockBytes);
  }
}
