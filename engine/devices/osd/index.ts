import { byteSize, parsedText } from '../../config/schema-values.js';
import type { DeviceKind } from '../device-kind.js';
import { pathSource } from '../sources.js';
import { parseSecurityMethod, SECURITY_FORM } from './security/security-option.js';

const FORM = 'osd:DIR';

/** `--lun 4=osd:DIR`: an object-based storage device, whose objects are in the directory. */
export const osdKind: DeviceKind = {
  name: 'osd',
  form: FORM,
  ...pathSource(FORM),
  options: { capacity: byteSize, security: parsedText(SECURITY_FORM, parseSecurityMethod) },
  types: async () => [(await import('./osd.js')).osd],
  async open(config, context) {
    const { openOsd } = await import('./open-osd.js');
    return openOsd(config, context);
  },
};
