import { coreInitiator } from './core-initiator.js';
import { fio } from './fio.js';
import { iscsiPerf } from './iscsi-perf.js';
import type { Initiator, InitiatorName } from './model.js';
import { qemuImg } from './qemu-img.js';

/** Who asks, by name. */
export const initiators: Readonly<Record<InitiatorName, Initiator>> = {
  'iscsi-perf': iscsiPerf,
  core: coreInitiator,
  fio,
  'qemu-img': qemuImg,
};
