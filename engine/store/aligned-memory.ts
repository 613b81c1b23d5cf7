const PAGE_BYTES = 65536;

/** TypeScript knows `WebAssembly` only with the browser's library; this is what we use of it. */
interface WasmGlobal {
  readonly WebAssembly: {
    readonly Memory: new (shape: { initial: number; maximum: number; shared: true }) => { readonly buffer: SharedArrayBuffer };
  };
}

/** Shared memory that begins at a page, rounded up to 64 KiB: the one page-aligned memory that Node has. */
export function allocateAligned(lengthBytes: number): Uint8Array {
  const { WebAssembly } = globalThis as unknown as WasmGlobal;
  const pageCount = Math.ceil(lengthBytes / PAGE_BYTES);
  return new Uint8Array(new WebAssembly.Memory({ initial: pageCount, maximum: pageCount, shared: true }).buffer);
}
