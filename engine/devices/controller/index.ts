import type { DeviceKind } from '../device-kind.js';
import { noSource } from '../sources.js';

/** `--lun 0=controller`. */
export const controllerKind: DeviceKind = {
  name: 'controller',
  form: 'controller',
  ...noSource('controller'),
  options: {},
  types: async () => [(await import('./controller.js')).controller],
  async open() {
    const { controller } = await import('./controller.js');
    return {
      deviceType: controller,
      identity: { product: 'CONTROLLER' },
      parts: [],
      describe: () => ({ sizeBytes: null, blockLengthBytes: null, loaded: true, detail: '' }),
      close: () => Promise.resolve(),
    };
  },
};
