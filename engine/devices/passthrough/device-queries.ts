import type { Clock } from '../../clock.js';
import type { Limits } from '../../limits.js';
import { TaskAttribute } from '../../pdu/index.js';
import { readSense, SenseKey } from '../../scsi/sense.js';
import { ScsiStatus } from '../../scsi/status.js';
import { DataDirection } from '../../shm/layout.js';
import type { CarriedAnswer, CarriedEnd, Carrier } from './carrier.js';

const INQUIRY = 0x12;
const EVPD_BIT = 0x01;
const STANDARD_LENGTH_MAX = 255;
/** Bytes of a page that are asked for: pages that identify a device are short, and longer ones than 64 KiB cannot be. */
const PAGE_LENGTH_MAX = 4096;
const PAGE_HEADER_LENGTH = 4;
const CDB_LENGTH = 16;
const SUPPORTED_PAGES = 0x00;

/** VPD pages by their codes. */
export type VpdPages = ReadonlyMap<number, Uint8Array>;

/** Questions of our own to a device. A device that does not answer in time is one that lacks what was asked for. */
export class DeviceQueries {
  readonly #carrier: Carrier;
  readonly #clock: Clock;
  readonly #limits: Limits;

  constructor(carrier: Carrier, clock: Clock, limits: Limits) {
    this.#carrier = carrier;
    this.#clock = clock;
    this.#limits = limits;
  }

  /** The unit attentions that wait for us, which are thereby cleared: TEST UNIT READY until it tells of none. */
  async takeAttentions(): Promise<number[]> {
    const attentions: number[] = [];
    while (attentions.length < this.#limits.passthroughAttentionCountMax) {
      const end = await this.#run(new Uint8Array(CDB_LENGTH), null);
      if (end.kind !== 'answered' || end.status !== ScsiStatus.checkCondition) break;
      const { key, asc } = readSense(end.sense);
      if (key !== SenseKey.unitAttention) break;
      attentions.push(asc);
    }
    return attentions;
  }

  /** Standard INQUIRY data, or null. */
  standardInquiry(): Promise<Uint8Array | null> {
    return this.#inquiry(0, 0, STANDARD_LENGTH_MAX);
  }

  /** Those of the pages that it has. */
  async vpdPages(codes: readonly number[]): Promise<VpdPages> {
    const pages = new Map<number, Uint8Array>();
    const list = await this.#inquiry(EVPD_BIT, SUPPORTED_PAGES, STANDARD_LENGTH_MAX);
    if (list === null) return pages;
    pages.set(SUPPORTED_PAGES, list);
    const supported = list.subarray(PAGE_HEADER_LENGTH);
    for (const code of codes) {
      if (!supported.includes(code)) continue;
      const page = await this.#inquiry(EVPD_BIT, code, PAGE_LENGTH_MAX);
      if (page !== null && page[1] === code) pages.set(code, page);
    }
    return pages;
  }

  async #inquiry(flags: number, page: number, lengthMax: number): Promise<Uint8Array | null> {
    const cdb = new Uint8Array(CDB_LENGTH);
    cdb.set([INQUIRY, flags, page, lengthMax >> 8, lengthMax & 0xff]);
    const data = new Uint8Array(lengthMax);
    const end = await this.#run(cdb, data);
    if (end.kind !== 'answered' || end.status !== ScsiStatus.good) return null;
    return data.subarray(0, Math.min(lengthOf(data, flags, lengthMax), receivedOf(end, lengthMax)));
  }

  #run(cdb: Uint8Array, dataIn: Uint8Array | null): Promise<CarriedEnd> {
    const direction = dataIn === null ? DataDirection.none : DataDirection.in;
    return new Promise((resolve) => {
      const task = this.#carrier.carry({ cdb, attribute: TaskAttribute.simple, direction, dataOut: null, dataIn }, (end) => {
        cancel();
        resolve(end);
      });
      const cancel = this.#clock.after(this.#limits.passthroughQueryMsMax, () => task.abort());
    });
  }
}

/** What the data says of its own length: some devices pad it. */
function lengthOf(data: Uint8Array, flags: number, lengthMax: number): number {
  const told = (flags & EVPD_BIT) === 0 ? (data[4] as number) + 5 : (((data[2] as number) << 8) | (data[3] as number)) + PAGE_HEADER_LENGTH;
  return Math.min(told, lengthMax);
}

function receivedOf(end: CarriedAnswer, lengthMax: number): number {
  return Math.min(end.dataInLength, lengthMax);
}
