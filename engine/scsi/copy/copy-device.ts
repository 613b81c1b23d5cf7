import { assert } from '../../errors.js';
import { CommandSlot, SlotMemory } from '../../shm/command-slot.js';
import { writeUint64 } from '../cdb.js';
import type { ITNexus } from '../it-nexus.js';
import type { LogicalUnit } from '../logical-unit.js';
import type { Medium } from '../medium.js';
import { Asc, checkCondition, SenseKey } from '../sense.js';
import { ScsiStatus } from '../status.js';
import type { InternalOutcome } from '../unit-host.js';
import type { CopyFailure, DeviceFailure } from './copy-failure.js';
import type { CopyOperation } from './copy-operation.js';

const READ_16 = 0x88;
const WRITE_16 = 0x8a;
const WRITE_SAME_16 = 0x93;
const UNMAP_AND_NDOB_BITS = 0x09;
const FLAGS_AT = 1;
const CDB_LENGTH = 16;
const LBA_AT = 2;
const COUNT_AT = 10;
const NO_BYTES = new Uint8Array(0);

/** Where gates leave their verdict; used within one call only. */
const scratch = new CommandSlot(SlotMemory.allocate(1), 0);

export interface CopyDeviceOptions {
  readonly unit: LogicalUnit;
  readonly nexus: ITNexus;
  readonly end: DeviceFailure['end'];
  readonly operation: CopyOperation;
  /** Of EXTENDED COPY: the segment for which it is used. */
  readonly segment?: number;
}

/**
 * A logical unit as source or destination of a copy. The nexus that asked for the copy may do by it what it may do itself: a reservation of another one, an
 * access state or write protection hold for a copy as they hold for READ and WRITE.
 */
export class CopyDevice {
  readonly unit: LogicalUnit;
  readonly blockLengthBytes: number;
  readonly blockCount: number;
  /** Blocks of one piece. */
  readonly pieceBlocksMax: number;
  readonly #options: CopyDeviceOptions;

  constructor(options: CopyDeviceOptions) {
    const { medium } = options.unit;
    this.unit = options.unit;
    this.blockLengthBytes = medium?.blockLengthBytes ?? 1;
    this.blockCount = medium?.blockCount ?? 0;
    const piece = options.unit.host.copies.limits.copyPieceBytesMax;
    this.pieceBlocksMax = medium === null ? 1 : Math.max(1, Math.min(medium.transferBlocksMax, Math.floor(piece / medium.blockLengthBytes)));
    this.#options = options;
  }

  get operation(): CopyOperation {
    return this.#options.operation;
  }

  /** What keeps the copy from the device now, or null. Costs nothing while there is nothing. */
  refusal(): CopyFailure | null {
    const { unit, end } = this.#options;
    const { medium } = unit;
    if (!this.#isReachable) return { key: SenseKey.copyAborted, asc: Asc.copyTargetDeviceNotReachable };
    scratch.resetOutcome();
    scratch.flags = 0;
    const condition = unit.mediumCondition;
    if (condition !== null) checkCondition(scratch, condition.key, condition.asc);
    else if (end === 'destination' && (medium?.readOnly === true || unit.softwareWriteProtected))
      checkCondition(scratch, SenseKey.dataProtect, Asc.writeProtected);
    else this.#askGates();
    if (scratch.status === ScsiStatus.good) return null;
    return this.deviceFailure({ status: scratch.status, sense: new Uint8Array(scratch.sense.subarray(0, scratch.senseLength)), dataIn: NO_BYTES });
  }

  /** Units come and go while a copy runs; what has gone answers nothing. */
  get #isReachable(): boolean {
    const { unit, nexus } = this.#options;
    for (const reached of unit.host.copyTargets(nexus)) if (reached === unit) return true;
    return false;
  }

  #askGates(): void {
    const { unit, nexus, end } = this.#options;
    if (unit.gates.length === 0) return;
    const opcode = end === 'source' ? READ_16 : WRITE_16;
    const row = unit.deviceType.commands.findNamed(opcode);
    assert(row !== undefined, 'a device that is copied can be read and written');
    scratch.cdb.fill(0);
    scratch.cdb[0] = opcode;
    scratch.cdbLength = CDB_LENGTH;
    for (const gate of unit.gates) if (!gate.admits(row, scratch, nexus)) return;
  }

  /** The range leaves the medium. `NO ADDITIONAL SENSE` says that the copy manager found it and no device was asked. */
  rangeFailure(lba: number, count: number): CopyFailure | null {
    if (lba + count <= this.blockCount) return null;
    scratch.resetOutcome();
    scratch.flags = 0;
    checkCondition(scratch, SenseKey.illegalRequest, Asc.lbaOutOfRange);
    const sense = new Uint8Array(scratch.sense.subarray(0, scratch.senseLength));
    return { ...this.deviceFailure({ status: scratch.status, sense, dataIn: NO_BYTES }), asc: Asc.none };
  }

  /** SPC-4 "Errors detected during processing of segment descriptors": THIRD PARTY DEVICE FAILURE with what the device said. */
  deviceFailure({ status, sense }: InternalOutcome): CopyFailure {
    const { segment, end } = this.#options;
    return {
      key: SenseKey.copyAborted,
      asc: Asc.thirdPartyDeviceFailure,
      device: { end, status, sense },
      ...(segment === undefined ? {} : { segment }),
    };
  }

  /** The bytes of so many blocks, or why they cannot be had. */
  async read(lba: number, count: number): Promise<Uint8Array | CopyFailure> {
    const outcome = await this.#execute(READ_16, lba, count);
    if (!('dataIn' in outcome)) return outcome;
    return outcome.status === ScsiStatus.good ? outcome.dataIn : this.deviceFailure(outcome);
  }

  async write(lba: number, bytes: Uint8Array): Promise<CopyFailure | null> {
    const outcome = await this.#execute(WRITE_16, lba, bytes.length / this.blockLengthBytes, bytes);
    if (!('dataIn' in outcome)) return outcome;
    return outcome.status === ScsiStatus.good ? null : this.deviceFailure(outcome);
  }

  /** So many blocks are zero at a time. */
  get zeroBlocksMax(): number {
    const { medium } = this.unit;
    return medium?.thin === true ? medium.writeSameBlocksMax : this.pieceBlocksMax;
  }

  /** At most `zeroBlocksMax` blocks read zeros afterwards; a thin unit gives their space back. */
  async zero(lba: number, count: number): Promise<CopyFailure | null> {
    if (this.unit.medium?.thin !== true) return this.write(lba, new Uint8Array(count * this.blockLengthBytes));
    const outcome = await this.#execute(WRITE_SAME_16, lba, count);
    if (!('dataIn' in outcome)) return outcome;
    return outcome.status === ScsiStatus.good ? null : this.deviceFailure(outcome);
  }

  async #execute(opcode: number, lba: number, count: number, dataOut?: Uint8Array): Promise<InternalOutcome | CopyFailure> {
    const refusal = this.refusal();
    if (refusal !== null) return refusal;
    const { unit, operation } = this.#options;
    if (opcode !== READ_16) unit.host.copies.tokens.onWritten(unit.medium as Medium, lba, count);
    const cdb = new Uint8Array(CDB_LENGTH);
    const view = new DataView(cdb.buffer);
    cdb[0] = opcode;
    if (opcode === WRITE_SAME_16) cdb[FLAGS_AT] = UNMAP_AND_NDOB_BITS;
    writeUint64(view, LBA_AT, lba);
    view.setUint32(COUNT_AT, count);
    operation.operationCounter = (operation.operationCounter + 1) & 0xffff;
    const outcome = await unit.host.io.execute(cdb, dataOut);
    if (opcode !== READ_16) await unit.host.copies.nextTurn();
    return outcome;
  }
}

/** Whether a device answered a failure and no bytes. */
export function isFailure(answer: Uint8Array | CopyFailure): answer is CopyFailure {
  return !(answer instanceof Uint8Array);
}
