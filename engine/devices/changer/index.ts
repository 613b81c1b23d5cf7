import type { DeviceKind } from '../device-kind.js';
import { pathSource } from '../sources.js';

const FORM = 'changer:PATH.lib.yaml';

/** `--lun 3=changer:PATH.lib.yaml`: a media library whose drives are other LUNs of the target. */
export const changerKind: DeviceKind = {
  name: 'changer',
  form: FORM,
  ...pathSource(FORM),
  options: {},
  check: (_device, isReadOnly) => (isReadOnly ? [{ key: 'readonly', message: 'a media changer has nothing that could be written; leave readonly out' }] : []),
  types: async () => [(await import('./changer.js')).changer],
  async open(config, context) {
    const { openLibrary } = await import('./open-library.js');
    return openLibrary(config.device.source, context);
  },
};
