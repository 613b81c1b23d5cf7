/** A recording format that the drive claims, SSC-4 "REPORT DENSITY SUPPORT command". The image is what it is; software wants to know the drive by one. */
export interface Density {
  /** As the configuration writes it. */
  readonly name: string;
  readonly code: number;
  /** As the density support descriptor names it, at most 8 characters. */
  readonly label: string;
  readonly bitsPerMillimetre: number;
  readonly tracks: number;
  /** Of a cartridge as it is sold; bytes. */
  readonly capacityBytes: number;
  /** MEDIUM TYPE of the mode parameter header, of rewritable and of WORM cartridges. */
  readonly mediumType: number;
  readonly wormMediumType: number;
}

const GB = 1e9;

/** By ascending code. A drive reads and writes images of any of these. */
export const densities: readonly Density[] = [
  { name: 'lto-3', code: 0x44, label: 'U-316', bitsPerMillimetre: 9638, tracks: 704, capacityBytes: 400 * GB, mediumType: 0x38, wormMediumType: 0x3c },
  { name: 'lto-4', code: 0x46, label: 'U-416', bitsPerMillimetre: 12725, tracks: 896, capacityBytes: 800 * GB, mediumType: 0x48, wormMediumType: 0x4c },
  { name: 'lto-5', code: 0x58, label: 'U-516', bitsPerMillimetre: 15142, tracks: 1280, capacityBytes: 1500 * GB, mediumType: 0x58, wormMediumType: 0x5c },
  { name: 'lto-6', code: 0x5a, label: 'U-616', bitsPerMillimetre: 15143, tracks: 2176, capacityBytes: 2500 * GB, mediumType: 0x68, wormMediumType: 0x6c },
  { name: 'lto-7', code: 0x5c, label: 'U-732', bitsPerMillimetre: 19107, tracks: 3584, capacityBytes: 6000 * GB, mediumType: 0x78, wormMediumType: 0x7c },
  { name: 'lto-8', code: 0x5e, label: 'U-832', bitsPerMillimetre: 20668, tracks: 6656, capacityBytes: 12000 * GB, mediumType: 0x88, wormMediumType: 0x8c },
  { name: 'lto-9', code: 0x60, label: 'U-932', bitsPerMillimetre: 21485, tracks: 8960, capacityBytes: 18000 * GB, mediumType: 0x98, wormMediumType: 0x9c },
];

export const DEFAULT_DENSITY = 'lto-8';

export function densityNamed(name: string): Density | undefined {
  return densities.find((density) => density.name === name);
}

export function densityOfCode(code: number): Density | undefined {
  return densities.find((density) => density.code === code);
}
