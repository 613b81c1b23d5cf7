/**
 * The four configurations in which libiscsi's iscsi-test-cu can run all of its tests: a logical unit cannot be writable and write-protected, nor a user
 * have three names, in one run.
 */
export interface Configuration {
  readonly name: string;
  /** What the table says of it. */
  readonly what: string;
  readonly readOnly: boolean;
  /** The user as whom initiators authenticate. */
  readonly user: string;
  /** A second path to the same unit, for the suites of multipathing. */
  readonly hasTwoPaths: boolean;
  readonly unitBytes: number;
  /** Eight logical blocks a physical one, which some tests need. */
  readonly is512e: boolean;
  /** Whether the test is of this configuration. */
  readonly runs: (suite: string, test: string) => boolean;
}

export const SECRET = 'secret-of-the-user';
const MIB = 1024 * 1024;
/** Not more than 1fffffh blocks, and at least 512 MiB for the tests of copies. */
const DISK_BYTES = 1023 * MIB;
const SMALL_BYTES = 64 * MIB;

/** Tests that need a write-protected unit, which all others need not to be. */
const isOfReadOnlyUnits = (suite: string) => suite === 'ReadOnly';
/**
 * With several logical blocks a physical one this test asks for the status of LBA i + 1 and wants the first descriptor to be of the next physical block,
 * where SBC-3 has it begin at the LBA that was asked for. Others are skipped where a physical block is a logical one.
 */
const isOfPlainBlocks = (suite: string, test: string) => suite === 'GetLBAStatus' && test === 'UnmapSingle';
/** The protocol itself and what every device has: what a name could spoil. */
const isOfAnyName = (suite: string) => suite.startsWith('iSCSI') || suite === 'TestUnitReady' || suite === 'Inquiry';

export const configurations: readonly Configuration[] = [
  {
    name: 'disk',
    what: '512e, thin and removable, CHAP, two paths: all but ReadOnly and GetLBAStatus.UnmapSingle',
    readOnly: false,
    user: 'alice',
    hasTwoPaths: true,
    unitBytes: DISK_BYTES,
    is512e: true,
    runs: (suite, test) => !isOfReadOnlyUnits(suite) && !isOfPlainBlocks(suite, test),
  },
  {
    name: 'read-only',
    what: 'write-protected: ReadOnly',
    readOnly: true,
    user: 'alice',
    hasTwoPaths: false,
    unitBytes: SMALL_BYTES,
    is512e: false,
    runs: isOfReadOnlyUnits,
  },
  {
    name: 'hex-name',
    what: 'a CHAP name that begins with 0x: the iSCSI suites, Inquiry, TestUnitReady, and GetLBAStatus.UnmapSingle',
    readOnly: false,
    user: '0x6c756e6c6f6f6d',
    hasTwoPaths: false,
    unitBytes: SMALL_BYTES,
    is512e: false,
    runs: (suite, test) => isOfAnyName(suite) || isOfPlainBlocks(suite, test),
  },
  {
    name: 'base64-name',
    what: 'a CHAP name that begins with 0b: the iSCSI suites, Inquiry, TestUnitReady',
    readOnly: false,
    user: '0bbHVubG9vbXM',
    hasTwoPaths: false,
    unitBytes: SMALL_BYTES,
    is512e: false,
    runs: isOfAnyName,
  },
];
