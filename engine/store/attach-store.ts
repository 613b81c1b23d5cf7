import { DirectFileStore } from './direct-file-store.js';
import { FileStore } from './file-store.js';
import { NullStore } from './null-store.js';
import { ProtectedStore } from './protected-store.js';
import { RamStore } from './ram-store.js';
import type { BackingStore, StoreDescriptor } from './store.js';

/** The store of `descriptor` on a worker, over the same memory and descriptors. Its `close` does nothing. */
export function attachStore(descriptor: StoreDescriptor): BackingStore {
  switch (descriptor.kind) {
    case 'ram':
      return new RamStore(descriptor);
    case 'null':
      return new NullStore(descriptor);
    case 'protected':
      return new ProtectedStore(attachStore(descriptor.data), attachStore(descriptor.protection), descriptor.blockLengthBytes);
    case 'file':
      return descriptor.direct ? new DirectFileStore(descriptor, false) : new FileStore(descriptor, false);
  }
}
