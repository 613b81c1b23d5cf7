/** How a disc is written: not at all, from its next writable address on, or anywhere. */
export type RecordingKind = 'none' | 'sequential' | 'overwrite';
export type DiscFamily = 'cd' | 'dvd' | 'bd';
export type ProfileName = 'cd' | 'cd-r' | 'cd-rw' | 'dvd' | 'dvd+r' | 'dvd+r-dl' | 'dvd+rw' | 'bd' | 'bd-r' | 'bd-re';

/** A kind of disc, MMC-6 "Profile list". */
export interface DiscProfile {
  readonly name: ProfileName;
  /** Its profile number in GET CONFIGURATION. */
  readonly number: number;
  readonly family: DiscFamily;
  readonly recording: RecordingKind;
  /** Can be made blank again by BLANK. */
  readonly isBlankable: boolean;
  /** Blocks of the largest disc; a blank one has as many unless told otherwise. */
  readonly blockCountMax: number;
  /** Blocks of what is written at a time: a packet or an ECC block. What is closed is filled up to a multiple of it. */
  readonly eccBlocks: number;
  /** Blocks between two tracks of a session, and between two sessions (the first and later ones), which hold no data of the initiator. */
  readonly trackGapBlocks: number;
  readonly firstSessionGapBlocks: number;
  readonly sessionGapBlocks: number;
  /** What a shorter track is filled up to when it is closed. */
  readonly trackBlocksMin: number;
}

const plain = { isBlankable: false, eccBlocks: 1, trackGapBlocks: 0, firstSessionGapBlocks: 0, sessionGapBlocks: 0, trackBlocksMin: 1 } as const;

/** 80 minutes. */
const CD_BLOCKS = 359_849;
const DVD_BLOCKS = 2_295_104;
const DVD_DOUBLE_LAYER_BLOCKS = 4_173_824;
/** A single layer, 25 GB, and the largest BDXL disc of four. */
const BD_BLOCKS = 12_219_392;
const BD_BLOCKS_MAX = 62_500_864;

/** ECMA-394 and MMC-6: run-out, link and pre-gap between tracks at once, lead-out, lead-in and pre-gap between sessions. */
const cdRecording = { ...plain, trackGapBlocks: 152, firstSessionGapBlocks: 11_400, sessionGapBlocks: 6_900, trackBlocksMin: 300 } as const;
/** ECMA-349: a run-in block between fragments, closure and intro between sessions. */
const plusRecording = { ...plain, eccBlocks: 16, trackGapBlocks: 16, firstSessionGapBlocks: 2048, sessionGapBlocks: 2048, trackBlocksMin: 16 } as const;

export const profiles: readonly DiscProfile[] = [
  { ...plain, name: 'cd', number: 0x08, family: 'cd', recording: 'none', blockCountMax: 449_850 },
  { ...cdRecording, name: 'cd-r', number: 0x09, family: 'cd', recording: 'sequential', blockCountMax: CD_BLOCKS },
  { ...cdRecording, name: 'cd-rw', number: 0x0a, family: 'cd', recording: 'sequential', isBlankable: true, blockCountMax: CD_BLOCKS },
  { ...plain, name: 'dvd', number: 0x10, family: 'dvd', recording: 'none', eccBlocks: 16, blockCountMax: DVD_DOUBLE_LAYER_BLOCKS },
  { ...plain, name: 'dvd+rw', number: 0x1a, family: 'dvd', recording: 'overwrite', eccBlocks: 16, blockCountMax: DVD_BLOCKS },
  { ...plusRecording, name: 'dvd+r', number: 0x1b, family: 'dvd', recording: 'sequential', blockCountMax: DVD_BLOCKS },
  { ...plusRecording, name: 'dvd+r-dl', number: 0x2b, family: 'dvd', recording: 'sequential', blockCountMax: DVD_DOUBLE_LAYER_BLOCKS },
  { ...plain, name: 'bd', number: 0x40, family: 'bd', recording: 'none', eccBlocks: 32, blockCountMax: BD_BLOCKS_MAX },
  { ...plain, name: 'bd-r', number: 0x41, family: 'bd', recording: 'sequential', eccBlocks: 32, trackBlocksMin: 32, blockCountMax: BD_BLOCKS },
  { ...plain, name: 'bd-re', number: 0x43, family: 'bd', recording: 'overwrite', eccBlocks: 32, blockCountMax: BD_BLOCKS },
];

export const profileNames: readonly ProfileName[] = profiles.map(({ name }) => name);

export function profileNamed(name: string): DiscProfile | undefined {
  return profiles.find((profile) => profile.name === name);
}

/** What a drive takes for the profile of an image: the smallest disc that holds so many blocks. A CD up to 100 minutes, a DVD up to 8.5 GB, a BD beyond. */
export function profileOfSize(blockCount: number): DiscProfile {
  const pressed = profiles.filter(({ recording }) => recording === 'none');
  return pressed.find(({ blockCountMax }) => blockCount <= blockCountMax) ?? (pressed.at(-1) as DiscProfile);
}

export const BLOCK_LENGTH_BYTES = 2048;
