import { z } from 'zod';
import type { DeviceLunConfig } from '../../config/engine-config.js';
import { byteSize, flag, wholeNumber } from '../../config/schema-values.js';
import type { DeviceKind, OptionProblem } from '../device-kind.js';
import { pathSource } from '../sources.js';
import { densities } from './medium/density.js';

const FORM = 'tape:PATH';
const BARCODE_FORM = 'a barcode of 1 to 32 printable ASCII characters';
const BARCODE_PATTERN = /^[\x20-\x7e]{1,32}$/;
const BLOCK_LENGTH_MAX = 0xffffff;

/** Options of a tape LUN, as their schemas read them. */
export interface TapeOptions {
  /** Of cartridges that are made where there is none yet; without it they have to be there. */
  readonly capacity?: number;
  readonly worm?: boolean;
  readonly compression?: boolean;
  readonly density?: string;
  readonly 'block-size'?: number;
  readonly barcode?: string;
}

const densityNames = densities.map(({ name }) => name) as [string, ...string[]];

/** Tape drives, SSC-4. `tape:` is one without a cartridge. */
export const tapeKind: DeviceKind = {
  name: 'tape',
  form: FORM,
  ...pathSource(FORM, { mayBeEmpty: true }),
  options: {
    capacity: byteSize.optional(),
    worm: flag.optional(),
    compression: flag.optional(),
    density: z.enum(densityNames, { error: `one of ${densityNames.join(', ')}` }).optional(),
    'block-size': wholeNumber(0, BLOCK_LENGTH_MAX).optional(),
    barcode: z.string({ error: BARCODE_FORM }).regex(BARCODE_PATTERN, { error: BARCODE_FORM }).optional(),
  },
  check,
  types: async () => [(await import('./tape.js')).tape],
  async open(config, context) {
    const { openTape } = await import('./open-tape.js');
    return openTape(config, context);
  },
};

function check({ options, source }: DeviceLunConfig['device'], isReadOnly: boolean): readonly OptionProblem[] {
  const { capacity, worm, barcode } = options as TapeOptions;
  const problems: OptionProblem[] = [];
  if (worm !== undefined && capacity === undefined) problems.push({ key: 'worm', message: 'is of new cartridges; give their capacity as well' });
  if (capacity !== undefined && isReadOnly) problems.push({ key: 'capacity', message: 'is of new cartridges, which a drive that is read only cannot make' });
  if (barcode !== undefined && source === '') problems.push({ key: 'barcode', message: 'is of the cartridge in the drive, and there is none' });
  return problems;
}
