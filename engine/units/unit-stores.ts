import type { EngineConfig, LunConfig } from '../config/engine-config.js';
import { TargetError } from '../errors.js';
import type { Limits } from '../limits.js';
import { openProtectedStore } from '../store/open-protected-store.js';
import { openStore } from '../store/open-store.js';
import type { BackingStore } from '../store/store.js';

/** The stores of all LUNs. When one cannot be opened, those that were are closed again. Throws `TargetError` `STORE_…`. */
export function openStores(config: EngineConfig, limits: Limits): Map<LunConfig, BackingStore> {
  const stores = new Map<LunConfig, BackingStore>();
  try {
    for (const { luns } of config.targets) for (const lun of luns) stores.set(lun, openUnitStore(lun, limits));
  } catch (error) {
    for (const store of stores.values()) store.close();
    throw error;
  }
  return stores;
}

/** The store of one LUN. Throws `TargetError` `STORE_…`. */
export function openUnitStore(lun: LunConfig, { transferLengthBytesMax }: Limits): BackingStore {
  const { readOnly, blockLengthBytes, spaceBytes } = lun;
  const use = { readOnly, blockLengthBytes, transferLengthBytesMax, ...(spaceBytes === undefined ? {} : { spaceBytes }) };
  const store = lun.protectionType === undefined ? openStore(lun.store, use) : openProtectedStore(lun.store, use);
  const fault = thinFaultOf(lun, store);
  if (fault === null) return store;
  store.close();
  throw new TargetError('STORE_NOT_THIN', `LUN ${lun.lun}: ${fault}`);
}

/** What only the open store tells: whether it can be what was asked of it. */
function thinFaultOf({ thin, spaceBytes, thresholdPercent }: LunConfig, store: BackingStore): string | null {
  const wantsThin = thin === true || spaceBytes !== undefined || thresholdPercent !== undefined;
  if (!wantsThin) return null;
  if (store.provisioning === null) return `this ${store.kind}: store cannot give space back, so that it cannot be thin`;
  if (thin === undefined && !store.sparse) return 'space and threshold are for thin units, and the file has all its space; say thin=true';
  return null;
}
