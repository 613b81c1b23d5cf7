import type { DeviceLunConfig } from '../../config/engine-config.js';
import { BoundThread } from '../bound-thread.js';
import type { OpenContext, OpenDevice } from '../device-kind.js';
import { osd } from './osd.js';
import type { OsdService } from './osd-service.js';
import type { OsdThreadOptions } from './osd-thread.js';
import { OsdUnit } from './osd-unit.js';
import { securityMethodNamed } from './security/security-option.js';
import { claimObjectStore } from './store/open-object-store.js';

/**
 * Opens the object store of a directory on a thread of its own. Throws `TargetError` `OSD_…`, and nothing has changed on disk then. The directory is claimed
 * here, so that a thread that died can be followed by another.
 */
export async function openOsd(config: DeviceLunConfig, context: Pick<OpenContext, 'limits' | 'isBound' | 'onNotice'>): Promise<OpenDevice> {
  const { source, options } = config.device;
  const claim = claimObjectStore(source);
  try {
    const capacityBytes = typeof options.capacity === 'number' ? BigInt(options.capacity) : null;
    const threadOptions: OsdThreadOptions = {
      directory: source,
      limits: context.limits,
      capacityBytes,
      isReadOnly: config.readOnly,
      defaultSecurityMethod: securityMethodNamed(options.security),
    };
    const lost = { tell: () => {} };
    const thread = await BoundThread.start<OsdService>({
      moduleUrl: new URL('./osd-thread.js', import.meta.url),
      options: threadOptions,
      isBound: context.isBound,
      closeMsMax: context.limits.deviceCloseMsMax,
      onLost: () => lost.tell(),
    });
    const unit = new OsdUnit(thread, await thread.call('capacity'), (message) => context.onNotice(`${source}: ${message}`));
    lost.tell = () => unit.onThreadLost();
    return {
      deviceType: osd,
      identity: { product: 'OBJECT-STORE' },
      parts: [unit],
      describe: () => ({ sizeBytes: unit.size.totalBytes, blockLengthBytes: null, loaded: true, detail: `${unit.size.usedBytes} bytes used` }),
      async close() {
        try {
          await unit.close();
        } finally {
          claim.release();
        }
      },
    };
  } catch (error) {
    claim.release();
    throw error;
  }
}
