import type { DeviceLunConfig, DiskLunConfig, EngineConfig, LunConfig } from '../config/engine-config.js';
import { ConfigError } from '../config/problem.js';
import type { OpenContext, OpenDevice } from '../devices/device-kind.js';
import { deviceKindNamed } from '../devices/registry.js';
import { LunError, TargetError } from '../errors.js';
import type { Limits } from '../limits.js';
import { openProtectedStore } from '../store/open-protected-store.js';
import { openStore } from '../store/open-store.js';
import type { BackingStore } from '../store/store.js';

/** What a LUN is made of, open: the store of a disk, or a device. */
export type OpenLun =
  | { readonly config: DiskLunConfig; readonly store: BackingStore; readonly device: null }
  | { readonly config: DeviceLunConfig; readonly device: OpenDevice };

/** What the devices of all targets have in common; each is told the name of its own. */
export type OpenLunsContext = Omit<OpenContext, 'targetName'>;

/** All LUNs of the configuration. When one cannot be opened, those that were are closed again. Throws `TargetError` `STORE_…` and those of the devices. */
export async function openLuns(config: EngineConfig, context: OpenLunsContext): Promise<Map<LunConfig, OpenLun>> {
  const open = new Map<LunConfig, OpenLun>();
  try {
    for (const { name: targetName, luns } of config.targets) for (const lun of luns) open.set(lun, await openLun(lun, { ...context, targetName }));
  } catch (error) {
    await closeLuns([...open.values()]).catch(() => undefined);
    throw error;
  }
  return open;
}

/** Throws `TargetError` `STORE_…`, and those of the device as `LunError`. */
export async function openLun(config: LunConfig, context: OpenContext): Promise<OpenLun> {
  if (config.device === undefined) return { config, store: openUnitStore(config, context.limits), device: null };
  const { lun, device } = config;
  const onNotice = (message: string) => context.onNotice(`LUN ${lun}: ${message}`);
  return { config, device: await namingLun(lun, () => deviceKindNamed(device.kind).open(config, { ...context, onNotice })) };
}

/** Several LUNs start at once, and a path alone does not tell whose it is. What is wrong in a file is told with its lines, all at once, as it is. */
export async function namingLun<T>(lun: number, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof TargetError && !(error instanceof ConfigError) ? new LunError(lun, error) : error;
  }
}

/** Flushes and closes all of them, whatever happens to one. Rejects with `STORE_FLUSH_FAILED` when acknowledged data may be lost. */
export async function closeLuns(luns: readonly OpenLun[]): Promise<void> {
  let failedCount = 0;
  for (const lun of luns) {
    if (lun.device !== null) await lun.device.close().catch(() => failedCount++);
    else {
      if (!lun.store.readOnly && lun.store.flush() < 0) failedCount++;
      lun.store.close();
    }
  }
  if (failedCount > 0) throw new TargetError('STORE_FLUSH_FAILED', `${failedCount} store(s) could not be flushed: acknowledged writes may be lost`);
}

/** The store of one disk. Throws `TargetError` `STORE_…`. */
export function openUnitStore(lun: DiskLunConfig, { transferLengthBytesMax }: Limits): BackingStore {
  const { readOnly, blockLengthBytes, spaceBytes } = lun;
  const use = { readOnly, blockLengthBytes, transferLengthBytesMax, ...(spaceBytes === undefined ? {} : { spaceBytes }) };
  const store = lun.protectionType === undefined ? openStore(lun.store, use) : openProtectedStore(lun.store, use);
  const fault = thinFaultOf(lun, store);
  if (fault === null) return store;
  store.close();
  throw new TargetError('STORE_NOT_THIN', `LUN ${lun.lun}: ${fault}`);
}

/** What only the open store tells: whether it can be what was asked of it. */
function thinFaultOf({ thin, spaceBytes, thresholdPercent }: DiskLunConfig, store: BackingStore): string | null {
  const wantsThin = thin === true || spaceBytes !== undefined || thresholdPercent !== undefined;
  if (!wantsThin) return null;
  if (store.provisioning === null) return `this ${store.kind}: store cannot give space back, so that it cannot be thin`;
  if (thin === undefined && !store.sparse) return 'space and threshold are for thin units, and the file has all its space; say thin=true';
  return null;
}
