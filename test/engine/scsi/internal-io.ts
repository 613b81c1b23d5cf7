import type { MediumCommandRow } from '../../../engine/scsi/command-table.js';
import type { LogicalUnit } from '../../../engine/scsi/logical-unit.js';
import type { Medium } from '../../../engine/scsi/medium.js';
import { ScsiStatus } from '../../../engine/scsi/status.js';
import type { InternalOutcome, MediumIo, StateValue, UnitState } from '../../../engine/scsi/unit-host.js';
import { CommandSlot, SlotMemory } from '../../../engine/shm/command-slot.js';
import { assertDefined } from '../../support/assert-defined.js';

const NO_BYTES = new Uint8Array(0);

/** Executes what a unit gives to itself, and can be made to wait between two commands. */
export class InlineIo implements MediumIo {
  unit: LogicalUnit | null = null;
  readonly opcodes: number[] = [];
  readonly pacedBytes: number[] = [];
  #waiting: (() => void)[] = [];
  #isHeld = false;

  execute(cdb: Uint8Array, dataOut: Uint8Array = NO_BYTES): Promise<InternalOutcome> {
    const unit = assertDefined(this.unit);
    this.opcodes.push(cdb[0] as number);
    if (unit.medium === null) return Promise.resolve({ status: ScsiStatus.busy, sense: NO_BYTES, dataIn: NO_BYTES });
    return Promise.resolve(execute(unit, unit.medium, cdb, dataOut));
  }

  pace(lengthBytes: number): Promise<void> {
    this.pacedBytes.push(lengthBytes);
    return this.#isHeld ? new Promise((resolve) => this.#waiting.push(resolve)) : Promise.resolve();
  }

  /** Work in the background stops behind its next command. */
  hold(): void {
    this.#isHeld = true;
  }

  /** Lets it do one command more. */
  async step(): Promise<void> {
    await turn();
    const [next] = this.#waiting.splice(0, 1);
    next?.();
    await turn();
  }

  async release(): Promise<void> {
    this.#isHeld = false;
    for (const resume of this.#waiting.splice(0)) resume();
    await turn();
  }
}

/** All that waits for promises alone has been done. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function execute(unit: LogicalUnit, medium: Medium, cdb: Uint8Array, dataOut: Uint8Array): InternalOutcome {
  const command = new CommandSlot(SlotMemory.allocate(1), 0);
  command.resetOutcome();
  command.cdb.fill(0);
  command.cdb.set(cdb);
  const row = assertDefined(unit.deviceType.commands.find(cdb)) as MediumCommandRow;
  command.expectedDataOutLength = dataOut.length;
  command.expectedDataInLength = dataOut.length === 0 ? 0xffffffff : 0;
  row.plan(command, medium, unit);
  command.dataOut = dataOut;
  command.dataOutLength = Math.min(dataOut.length, command.plannedDataOutLength);
  if (command.status === ScsiStatus.good) row.planFromDataOut?.(command, medium);
  if (command.status === ScsiStatus.good) {
    command.dataIn = new Uint8Array(command.plannedDataInLength);
    command.dataInCapacity = command.plannedDataInLength;
    row.execute(command, medium);
  }
  return { status: command.status, sense: command.sense.slice(0, command.senseLength), dataIn: command.dataIn.slice(0, command.dataInLength) };
}

/** A state directory in memory, which outlives units. */
export class MemoryState implements UnitState {
  readonly isKept = true;
  readonly sections = new Map<string, StateValue>();
  readonly saved: StateValue[] = [];
  fails = false;

  load(section: string): StateValue | undefined {
    return this.sections.get(section);
  }

  save(section: string, value: StateValue): Promise<void> {
    if (this.fails) return Promise.reject(new RangeError('no space for state'));
    this.saved.push(value);
    if (value === null) this.sections.delete(section);
    else this.sections.set(section, value);
    return Promise.resolve();
  }
}
