import { assert } from '../errors.js';
import { formatByteSize } from './byte-size.js';
import type { LunConfig, StoreConfig } from './engine-config.js';
import type { DraftLun } from './read-draft.js';
import { formatStoreText, resolveStorePath } from './store-text.js';

export const DEFAULT_BLOCK_LENGTH_BYTES = 512;

/** A LUN without problems, with its defaults. */
export function completeLun(lun: DraftLun, baseDirectory: string): LunConfig {
  assert(lun.lun !== undefined, 'a LUN without problems has a number');
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
    ...(lun.naa === undefined ? {} : { naa: lun.naa }),
    ...(lun.execution === undefined ? {} : { execution: lun.execution }),
    ...(lun.serial === undefined ? {} : { serial: lun.serial }),
    ...(lun.vendor === undefined ? {} : { vendor: lun.vendor }),
    ...(lun.product === undefined ? {} : { product: lun.product }),
  };
}

function completeStore(lun: DraftLun, baseDirectory: string): StoreConfig {
  const { store } = lun;
  assert(store !== undefined, 'a LUN without problems has a store');
  if (store.kind !== 'file') return store;
  const path = resolveStorePath(baseDirectory, store.path);
  return { kind: 'file', path, ...(lun.size === undefined ? {} : { sizeBytes: lun.size }), direct: lun.direct ?? false };
}

/** The LUN in the words of the YAML file: what `completeLun` made is read back from it. */
export function lunDocumentOf(lun: LunConfig): Record<string, unknown> {
  const { store } = lun;
  return {
    lun: lun.lun,
    store: formatStoreText(store),
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
    ...(lun.naa === undefined ? {} : { naa: lun.naa }),
    ...(lun.execution === undefined ? {} : { execution: lun.execution }),
    ...(lun.serial === undefined ? {} : { serial: lun.serial }),
    ...(lun.vendor === undefined ? {} : { vendor: lun.vendor }),
    ...(lun.product === undefined ? {} : { product: lun.product }),
  };
}
