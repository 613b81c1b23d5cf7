import { closeSync, constants, openSync } from 'node:fs';
import { TargetError } from '../../../errors.js';
import { type NativeCalls, nativeCalls } from '../../../store/native.js';
import {
  readSgHeader,
  SG_CDB_LENGTH_MAX,
  SG_GET_VERSION_NUM,
  SG_IO,
  SG_IO_HEADER_LENGTH,
  SG_RESET_DEVICE_ONLY,
  SG_SCSI_RESET,
  SG_SENSE_CAPACITY,
  writeSgHeader,
} from './sg-io.js';

export interface SgServiceOptions {
  readonly path: string;
  /** After which the kernel gives a command up. */
  readonly timeoutMs: number;
}

export interface SgCommand {
  /** As long as the device is to see it. */
  readonly cdb: Uint8Array;
  /** Shared memory, or Data-Out that may be a copy; null for none. */
  readonly data: Uint8Array | null;
  readonly isToDevice: boolean;
  readonly isAtHead: boolean;
}

/** `code` is the name of the error when the call itself failed. */
export type SgOutcome =
  | { readonly code: string }
  | {
      readonly code: null;
      readonly status: number;
      readonly hostStatus: number;
      readonly driverStatus: number;
      readonly sense: Uint8Array;
      readonly movedLength: number;
    };

/** What it needs of the system; tests have their own. */
export interface SgSystem {
  open(path: string): number;
  close(fd: number): void;
  readonly calls: Pick<NativeCalls, 'addressOf' | 'ioctl'>;
}

const CDB_AT = SG_IO_HEADER_LENGTH;
const SENSE_AT = CDB_AT + SG_CDB_LENGTH_MAX;
/** The argument of the other calls. */
const ARGUMENT_AT = SENSE_AT + SG_SENSE_CAPACITY;
const BLOCK_LENGTH = ARGUMENT_AT + 4;

/** One open device file, and one command at a time: the thread waits for it in the kernel. */
export class SgService {
  readonly #system: SgSystem;
  readonly #fd: number;
  readonly #timeoutMs: number;
  /** Header, CDB and sense data, in memory that never moves: the kernel is told where it is. */
  readonly #block = new Uint8Array(new SharedArrayBuffer(BLOCK_LENGTH));
  readonly #view = new DataView(this.#block.buffer);
  readonly #address: bigint;

  constructor({ path, timeoutMs }: SgServiceOptions, system: SgSystem) {
    this.#system = system;
    this.#timeoutMs = timeoutMs;
    this.#address = system.calls.addressOf(this.#block);
    this.#fd = system.open(path);
    const code = this.#ioctl(SG_GET_VERSION_NUM, this.#block.subarray(ARGUMENT_AT, ARGUMENT_AT + 4));
    if (code === null) return;
    system.close(this.#fd);
    throw new TargetError('PASSTHROUGH_OPEN', `${path} is no device of the SCSI generic driver (${code})`);
  }

  run({ cdb, data, isToDevice, isAtHead }: SgCommand): SgOutcome {
    const block = this.#block;
    block.set(cdb, CDB_AT);
    const dataLength = data?.length ?? 0;
    writeSgHeader(this.#view, {
      cdbLength: cdb.length,
      cdbAddress: this.#address + BigInt(CDB_AT),
      senseAddress: this.#address + BigInt(SENSE_AT),
      dataAddress: data === null || dataLength === 0 ? 0n : this.#system.calls.addressOf(data),
      dataLength,
      isToDevice,
      isAtHead,
      timeoutMs: this.#timeoutMs,
    });
    const code = this.#ioctl(SG_IO, block.subarray(0, SG_IO_HEADER_LENGTH));
    if (code !== null) return { code };
    const { status, hostStatus, driverStatus, senseLength, residual } = readSgHeader(this.#view);
    return { code: null, status, hostStatus, driverStatus, sense: block.slice(SENSE_AT, SENSE_AT + senseLength), movedLength: dataLength - residual };
  }

  /** The name of the error, or null. */
  reset(): string | null {
    this.#view.setInt32(ARGUMENT_AT, SG_RESET_DEVICE_ONLY, true);
    return this.#ioctl(SG_SCSI_RESET, this.#block.subarray(ARGUMENT_AT, ARGUMENT_AT + 4));
  }

  close(): void {
    this.#system.close(this.#fd);
  }

  #ioctl(request: number, memory: Uint8Array): string | null {
    try {
      this.#system.calls.ioctl(this.#fd, request, memory);
      return null;
    } catch (error) {
      return (error as { code?: string }).code ?? 'EIO';
    }
  }
}

/** On the thread of the device. Throws `TargetError` `NATIVE_CALLS_MISSING` or `PASSTHROUGH_OPEN`. */
export function create(options: SgServiceOptions): SgService {
  const calls = nativeCalls();
  if (calls === null) {
    throw new TargetError('NATIVE_CALLS_MISSING', 'a local passthrough device needs Linux and the optional package koffi: npm install koffi');
  }
  return new SgService(options, { open: openDevice, close: closeSync, calls });
}

function openDevice(path: string): number {
  try {
    // Without O_NONBLOCK the open may wait for somebody who has the device for himself.
    return openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  } catch (error) {
    throw new TargetError('PASSTHROUGH_OPEN', (error as Error).message, { cause: error });
  }
}
