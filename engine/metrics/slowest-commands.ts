import type { CommandSlot } from '../shm/command-slot.js';
import { CDB_CAPACITY_BYTES } from '../shm/layout.js';
import { STAMP_COUNT } from './command-stages.js';

/** How many are kept, and for how long. */
export const SLOWEST_COUNT_MAX = 32;
export const SLOWEST_AGE_MICROS_MAX = 60_000_000;

/** Which logical unit a command was for. */
export interface UnitLabel {
  readonly targetName: string;
  /** Null for all LUNs that have no logical unit. */
  readonly lun: number | null;
}

/** One command as it was when its last byte left. Times are those of the engine's clock, in microseconds. */
export interface SlowCommand {
  readonly label: UnitLabel;
  readonly initiatorPortName: string;
  /** As the standard writes it, `READ (16)`; null for one that the unit does not know. */
  readonly commandName: string | null;
  readonly cdb: Uint8Array;
  readonly status: number;
  readonly readBytes: number;
  readonly writeBytes: number;
  readonly receivedAt: number;
  readonly orderedAt: number;
  readonly dispatchedAt: number;
  readonly startedAt: number;
  readonly executedAt: number;
  readonly completedAt: number;
  readonly flushedAt: number;
}

/** A place of the list, written over again and again. */
interface Place {
  totalMicros: number;
  label: UnitLabel;
  initiatorPortName: string;
  commandName: string | null;
  readonly cdb: Uint8Array;
  cdbLength: number;
  status: number;
  readBytes: number;
  writeBytes: number;
  /** The stamps, in the order of `SlowCommand`. */
  readonly stamps: Float64Array;
}

const NO_LABEL: UnitLabel = { targetName: '', lun: 0 };
const EMPTY = -1;
const FLUSHED = STAMP_COUNT - 1;

function newPlace(): Place {
  return {
    totalMicros: EMPTY,
    label: NO_LABEL,
    initiatorPortName: '',
    commandName: null,
    cdb: new Uint8Array(CDB_CAPACITY_BYTES),
    cdbLength: 0,
    status: 0,
    readBytes: 0,
    writeBytes: 0,
    stamps: new Float64Array(STAMP_COUNT),
  };
}

/**
 * The slowest commands of the last minute. Nearly every command costs one comparison; the memory is made once. When the list is full of
 * slower ones a command is not kept, also when those grow old before it would.
 */
export class SlowestCommands {
  /** A command that took no longer than this is not kept. `EMPTY` while there is room. */
  thresholdMicros = EMPTY;
  readonly #places: readonly Place[] = Array.from({ length: SLOWEST_COUNT_MAX }, newPlace);

  /** Keeps the command in the place of the fastest one. Call it when `totalMicros` is above the threshold. */
  keep(
    slot: CommandSlot,
    totalMicros: number,
    readBytes: number,
    writeBytes: number,
    label: UnitLabel,
    initiatorPortName: string,
    commandName: string | null,
  ): void {
    const place = this.#fastest();
    place.totalMicros = totalMicros;
    place.label = label;
    place.initiatorPortName = initiatorPortName;
    place.commandName = commandName;
    for (let at = 0; at < slot.cdbLength; at++) place.cdb[at] = slot.cdb[at] as number;
    place.cdbLength = slot.cdbLength;
    place.status = slot.status;
    place.readBytes = readBytes;
    place.writeBytes = writeBytes;
    slot.copyStamps(place.stamps);
    this.thresholdMicros = this.#fastest().totalMicros;
  }

  /** Makes room of what is older than a minute. */
  expire(nowMicros: number): void {
    for (const place of this.#places) {
      if (place.totalMicros === EMPTY || nowMicros - (place.stamps[FLUSHED] as number) <= SLOWEST_AGE_MICROS_MAX) continue;
      place.totalMicros = EMPTY;
      this.thresholdMicros = EMPTY;
    }
  }

  /** Copies, the slowest first. */
  list(nowMicros: number): SlowCommand[] {
    this.expire(nowMicros);
    const kept = this.#places.filter((place) => place.totalMicros !== EMPTY).sort((a, b) => b.totalMicros - a.totalMicros);
    return kept.map(copyOf);
  }

  #fastest(): Place {
    let fastest = this.#places[0] as Place;
    for (const place of this.#places) if (place.totalMicros < fastest.totalMicros) fastest = place;
    return fastest;
  }
}

function copyOf({ label, initiatorPortName, commandName, cdb, cdbLength, status, readBytes, writeBytes, stamps }: Place): SlowCommand {
  const [receivedAt = 0, orderedAt = 0, dispatchedAt = 0, startedAt = 0, executedAt = 0, completedAt = 0, flushedAt = 0] = stamps;
  const times = { receivedAt, orderedAt, dispatchedAt, startedAt, executedAt, completedAt, flushedAt };
  return { label, initiatorPortName, commandName, cdb: cdb.slice(0, cdbLength), status, readBytes, writeBytes, ...times };
}
