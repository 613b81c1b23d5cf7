import type { DeviceLunConfig } from '../../../config/engine-config.js';
import { BoundThread } from '../../bound-thread.js';
import type { OpenContext } from '../../device-kind.js';
import type { Carrier, Connector } from '../carrier.js';
import { SgCarrier, type SgThread } from './sg-carrier.js';
import type { SgService, SgServiceOptions } from './sg-service.js';

const SERVICE_URL = new URL('./sg-service.js', import.meta.url);
const MS_PER_S = 1000;
/** What the kernel gives disks is half a minute; tapes that rewind need longer. */
const IO_TIMEOUT_SECONDS = 600;

/** The connector of a LUN whose device is on this machine: to the kernel, whoever asks is one and the same host adapter. */
export function sgConnector(config: DeviceLunConfig, { limits, isBound }: Pick<OpenContext, 'limits' | 'isBound'>): Connector {
  const { source, options } = config.device;
  const timeoutSeconds = (options['io-timeout'] as number | undefined) ?? IO_TIMEOUT_SECONDS;
  const serviceOptions: SgServiceOptions = { path: source, timeoutMs: timeoutSeconds * MS_PER_S };
  return {
    name: source,
    isPerNexus: false,
    async connect(_wayName, onLost): Promise<Carrier> {
      const startThread = async (): Promise<SgThread> =>
        (await BoundThread.start<SgService>({ moduleUrl: SERVICE_URL, options: serviceOptions, isBound })) as SgThread;
      return new SgCarrier({ first: await startThread(), startThread, threadCountMax: isBound ? limits.passthroughThreadCountMax : 1, onLost });
    },
  };
}
