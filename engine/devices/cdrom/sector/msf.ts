/* Addresses on a CD: 75 frames a second, and the program area begins two seconds after zero. MMC-6 "MSF addressing". */

export const FRAMES_PER_SECOND = 75;
const SECONDS_PER_MINUTE = 60;
/** The frames before LBA 0, which is 00:02:00. */
const PREGAP_FRAMES = 150;
const FRAMES_PER_MINUTE = FRAMES_PER_SECOND * SECONDS_PER_MINUTE;
/** Beyond 99:59:74 there is no MSF address; negative LBAs down to -45 150 begin at 90:00:00. */
const FRAMES_MAX = 100 * FRAMES_PER_MINUTE;

export interface Msf {
  readonly minute: number;
  readonly second: number;
  readonly frame: number;
}

function msfOfFrames(frames: number): Msf {
  return {
    minute: Math.floor(frames / FRAMES_PER_MINUTE),
    second: Math.floor(frames / FRAMES_PER_SECOND) % SECONDS_PER_MINUTE,
    frame: frames % FRAMES_PER_SECOND,
  };
}

/** The address of a logical block. What lies beyond the last address is told as the last one, as MMC does for media larger than a CD. */
export function msfOf(lba: number): Msf {
  const frames = lba + PREGAP_FRAMES;
  return msfOfFrames(Math.min(frames < 0 ? frames + FRAMES_MAX : frames, FRAMES_MAX - 1));
}

/** A length as minutes, seconds and frames. */
export function msfOfLength(frames: number): Msf {
  return msfOfFrames(Math.min(Math.max(frames, 0), FRAMES_MAX - 1));
}

/** The logical block at an address, or null where the fields are no address. */
export function lbaOfMsf({ minute, second, frame }: Msf): number | null {
  if (second >= SECONDS_PER_MINUTE || frame >= FRAMES_PER_SECOND || minute > 99) return null;
  return (minute * SECONDS_PER_MINUTE + second) * FRAMES_PER_SECOND + frame - PREGAP_FRAMES;
}

/** Two decimal digits in one byte. */
export function bcd(value: number): number {
  return (Math.floor(value / 10) << 4) | (value % 10);
}
