import { deviceKindNamed } from '../devices/registry.js';
import { assert } from '../errors.js';
import { formatByteSize } from './byte-size.js';
import type { DeviceLunConfig, LunConfig, StoreConfig } from './engine-config.js';
import type { DraftLun } from './read-draft.js';
import { formatLunText, resolveDeviceOption, resolveDeviceSource, resolveStorePath } from './store-text.js';

export const DEFAULT_BLOCK_LENGTH_BYTES = 512;

/** A LUN without problems, with its defaults. */
export function completeLun(lun: DraftLun, baseDirectory: string): LunConfig {
  assert(lun.lun !== undefined, 'a LUN without problems has a number');
  if (lun.store?.kind === 'device') return completeDevice(lun, lun.lun, lun.store, baseDirectory);
  return {
    lun: lun.lun,
    store: completeStore(lun, baseDirectory),
    blockLengthBytes: lun['block-size'] ?? DEFAULT_BLOCK_LENGTH_BYTES,
    readOnly: lun.readonly ?? false,
    ...(lun['physical-block-size'] === undefined ? {} : { physicalBlockLengthBytes: lun['physical-block-size'] }),
    ...(lun.thin === undefined ? {} : { thin: lun.thin }),
    ...(lun.space === undefined ? {} : { spaceBytes: lun.space }),
    ...(lun.threshold === undefined ? {} : { thresholdPercent: lun.threshold }),
    ...(lun.removable === undefined ? {} : { removable: lun.removable }),
    ...(lun.pi === undefined ? {} : { protectionType: lun.pi }),
    ...commonKeysOf(lun),
  };
}

/** Keys that every LUN may have, whatever it is. */
function commonKeysOf({
  naa,
  execution,
  serial,
  vendor,
  product,
}: DraftLun | LunConfig): Pick<LunConfig, 'naa' | 'execution' | 'serial' | 'vendor' | 'product'> {
  return {
    ...(naa === undefined ? {} : { naa }),
    ...(execution === undefined ? {} : { execution }),
    ...(serial === undefined ? {} : { serial }),
    ...(vendor === undefined ? {} : { vendor }),
    ...(product === undefined ? {} : { product }),
  };
}

function completeDevice(draft: DraftLun, lun: number, { device, source }: { device: string; source: string }, baseDirectory: string): DeviceLunConfig {
  const given = draft as Readonly<Record<string, unknown>>;
  const keys = Object.keys(deviceKindNamed(device).options).filter((key) => given[key] !== undefined);
  return {
    lun,
    device: {
      kind: device,
      source: resolveDeviceSource(device, source, baseDirectory),
      options: Object.fromEntries(keys.map((key) => [key, resolveDeviceOption(device, key, given[key], baseDirectory)])),
    },
    readOnly: draft.readonly ?? false,
    ...commonKeysOf(draft),
  };
}

function completeStore(lun: DraftLun, baseDirectory: string): StoreConfig {
  const { store } = lun;
  assert(store !== undefined && store.kind !== 'device', 'a LUN without problems has a store');
  if (store.kind !== 'file') return store;
  const path = resolveStorePath(baseDirectory, store.path);
  return { kind: 'file', path, ...(lun.size === undefined ? {} : { sizeBytes: lun.size }), direct: lun.direct ?? false };
}

/** The LUN in the words of the YAML file: what `completeLun` made is read back from it. */
export function lunDocumentOf(lun: LunConfig): Record<string, unknown> {
  if (lun.device !== undefined) {
    const { options } = lun.device;
    return { lun: lun.lun, store: formatLunText(lun), ...options, readonly: lun.readOnly, ...commonKeysOf(lun) };
  }
  const { store } = lun;
  return {
    lun: lun.lun,
    store: formatLunText(lun),
    ...(store.kind === 'file' && store.sizeBytes !== undefined ? { size: formatByteSize(store.sizeBytes) } : {}),
    'block-size': lun.blockLengthBytes,
    ...(lun.physicalBlockLengthBytes === undefined ? {} : { 'physical-block-size': lun.physicalBlockLengthBytes }),
    readonly: lun.readOnly,
    ...(store.kind === 'file' ? { direct: store.direct } : {}),
    ...(lun.thin === undefined ? {} : { thin: lun.thin }),
    ...(lun.spaceBytes === undefined ? {} : { space: formatByteSize(lun.spaceBytes) }),
    ...(lun.thresholdPercent === undefined ? {} : { threshold: lun.thresholdPercent }),
    ...(lun.removable === undefined ? {} : { removable: lun.removable }),
    ...(lun.protectionType === undefined ? {} : { pi: lun.protectionType }),
    ...commonKeysOf(lun),
  };
}
