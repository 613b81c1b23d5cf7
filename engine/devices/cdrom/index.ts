import { z } from 'zod';
import { byteSize } from '../../config/schema-values.js';
import type { DeviceKind, OptionProblem } from '../device-kind.js';
import { pathSource } from '../sources.js';
import { profileNamed, profileNames } from './disc/profile.js';
import { opticalType } from './optical-type.js';

const PROFILE_FORM = `one of ${profileNames.join(', ')}`;

/** `--lun 2=cdrom:PATH.iso`, `--lun 2=cdrom:PATH,profile=dvd+r` for a disc that is recorded, `--lun 2=cdrom:` for an empty drive. */
export const cdromKind: DeviceKind = {
  name: 'cdrom',
  form: 'cdrom:PATH',
  ...pathSource('cdrom:PATH', { mayBeEmpty: true }),
  options: { profile: z.enum(profileNames, { error: PROFILE_FORM }), size: byteSize },
  check({ source, options }, isReadOnly): readonly OptionProblem[] {
    const profile = profileNamed(String(options['profile'] ?? ''));
    const problems: OptionProblem[] = [];
    if (source === '' && options['profile'] !== undefined) problems.push({ key: 'profile', message: 'is of a disc, and an empty drive has none' });
    if (options['size'] === undefined) return problems;
    if (profile === undefined || profile.recording === 'none') problems.push({ key: 'size', message: 'is of a blank disc: say with profile which kind it is' });
    else if (isReadOnly) problems.push({ key: 'size', message: 'is of a blank disc, and what is only read is not made' });
    return problems;
  },
  types: async () => [opticalType],
  mediumTypes: [opticalType],
  async open(config, context) {
    const { openDrive } = await import('./open-drive.js');
    return openDrive(config, context);
  },
};
