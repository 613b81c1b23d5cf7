import type { CodecSettings } from './block-codec.js';
import { earlyWarningBytes } from './image-layout.js';
import type { LogPlace } from './log-place.js';
import type { PartitionLog } from './partition-log.js';
import type { TapeImage } from './tape-image.js';
import type { TapePosition } from './tape-service.js';

/** Settings of the drive, which outlive the cartridge in it. */
export interface DriveSettings extends CodecSettings {
  readonly programmableEarlyWarningBytes: number;
}

/** A cartridge in the drive, and where the drive stands. */
export interface LoadedTape {
  readonly image: TapeImage;
  log: PartitionLog;
  place: LogPlace;
}

/** Used bytes of a partition at which its zones begin. */
export function warningsOf({ capacityBytes }: PartitionLog, settings: DriveSettings): { earlyAtBytes: number; programmableAtBytes: number } {
  const earlyAtBytes = capacityBytes - earlyWarningBytes(capacityBytes);
  return { earlyAtBytes, programmableAtBytes: Math.max(0, earlyAtBytes - settings.programmableEarlyWarningBytes) };
}

export function usedBytes({ log, place }: LoadedTape): number {
  return place.offset - log.regionOffset;
}

export function positionOf(tape: LoadedTape, settings: DriveSettings): TapePosition {
  const { log, place } = tape;
  const { earlyAtBytes, programmableAtBytes } = warningsOf(log, settings);
  const used = usedBytes(tape);
  return {
    partition: log.partition,
    objectNumber: place.objectNumber,
    fileNumber: place.filemarkCount,
    setNumber: 0,
    isBeginning: place.objectNumber === 0,
    isBeyondEarlyWarning: used >= earlyAtBytes,
    isBeyondProgrammableEarlyWarning: settings.programmableEarlyWarningBytes > 0 && used >= programmableAtBytes,
    isEndOfData: place.objectNumber === log.end.objectCount,
    usedBytes: used,
    bufferedObjectCount: log.end.objectCount - log.durable.objectCount,
    bufferedBytes: log.end.offset - log.durable.offset,
  };
}
