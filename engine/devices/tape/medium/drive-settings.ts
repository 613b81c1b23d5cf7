import { ALGORITHM_INDEX, DecryptionMode, EncryptionMode, type EncryptionParameters } from '../encryption/set-data-encryption.js';
import type { TapeEncryption, TapeService } from '../image/tape-service.js';

/** BUFFERED MODE, SSC-4 "Device-specific parameter": whether a write ends when it is on the medium, or when it is in the buffer. */
export const BufferedMode = { unbuffered: 0, buffered: 1, bufferedForAll: 2 } as const;
export type BufferedMode = (typeof BufferedMode)[keyof typeof BufferedMode];

/** WRITE MODE of the Device Configuration Extension mode page. */
export const WriteMode = { overwriteAllowed: 0, appendOnly: 1 } as const;

/** What ALLOW OVERWRITE has permitted in append-only mode: one write at a position, or a format. */
export type OverwritePermission = { readonly kind: 'position'; readonly partition: number; readonly objectNumber: number } | { readonly kind: 'format' };

type Setting = 'setCompression' | 'setEncryption' | 'setProgrammableEarlyWarning';
type Tell = <Name extends Setting>(name: Name, value: Parameters<TapeService[Name]>[0]) => void;

const noKey = new Uint8Array(32);
const MEGABYTE = 1_000_000;

/** What initiators have set a drive to: header, block descriptor and pages of MODE SELECT. */
export class DriveSettings {
  readonly #defaultBlockLengthBytes: number;
  #tell: Tell = () => {};
  #isCompressing = false;
  #earlyWarningMegabytes = 0;
  /** BLOCK LENGTH of the block descriptor; 0 is variable block mode. */
  blockLengthBytes: number;
  bufferedMode: BufferedMode = BufferedMode.buffered;
  writeMode = WriteMode.overwriteAllowed as number;
  permission: OverwritePermission | null = null;

  constructor(defaultBlockLengthBytes: number) {
    this.#defaultBlockLengthBytes = defaultBlockLengthBytes;
    this.blockLengthBytes = defaultBlockLengthBytes;
  }

  /** `tell` reaches the service, which keeps these over loads. */
  connect(tell: Tell): void {
    this.#tell = tell;
    this.tellAll();
  }

  tellAll(): void {
    this.#tell('setCompression', this.#isCompressing);
    this.#tell('setProgrammableEarlyWarning', this.#earlyWarningMegabytes * MEGABYTE);
  }

  get isCompressing(): boolean {
    return this.#isCompressing;
  }

  compress(isCompressing: boolean): void {
    this.#isCompressing = isCompressing;
    this.#tell('setCompression', isCompressing);
  }

  /** PEWS: megabytes before early warning. */
  warnBefore(megabytes: number): void {
    this.#earlyWarningMegabytes = megabytes;
    this.#tell('setProgrammableEarlyWarning', megabytes * MEGABYTE);
  }

  /** Null when blocks are written and read in the clear. */
  encryptionOf({ encryptionMode, decryptionMode, key, unauthenticatedKad, authenticatedKad }: EncryptionParameters): TapeEncryption | null {
    if (encryptionMode === EncryptionMode.disable && decryptionMode === DecryptionMode.disable) return null;
    return {
      encrypt: encryptionMode === EncryptionMode.encrypt,
      decrypt: decryptionMode === DecryptionMode.mixed ? 'mixed' : decryptionMode === DecryptionMode.decrypt ? 'encryptedOnly' : 'off',
      key: key ?? noKey,
      algorithmIndex: ALGORITHM_INDEX,
      ukad: unauthenticatedKad,
      akad: authenticatedKad,
    };
  }

  onDemount(): void {
    this.permission = null;
  }

  /** SPC-4 "Mode parameters": the mode pages set their part themselves. */
  onReset(): void {
    this.blockLengthBytes = this.#defaultBlockLengthBytes;
    this.bufferedMode = BufferedMode.buffered;
    this.permission = null;
  }
}
