import { BLOCK_LENGTH_BYTES, type ProfileName, profiles } from '../disc/profile.js';
import { discFeature, type Feature, type FeatureContext, persistentFeature, uint32 } from './feature.js';

const cds: readonly ProfileName[] = ['cd', 'cd-r', 'cd-rw'];
const dvds: readonly ProfileName[] = ['dvd', 'dvd+r', 'dvd+r-dl', 'dvd+rw'];
const bds: readonly ProfileName[] = ['bd', 'bd-r', 'bd-re'];

const isWritable = ({ disc }: FeatureContext) => disc?.isWritable === true && disc.recording?.state.finalized !== true;
const isFormatted = ({ disc }: FeatureContext) => (disc?.recording?.state.format ?? null) !== null;

/** Only while the disc can be written, too. */
function writeFeature(feature: Feature): Feature {
  return { ...feature, isCurrent: (context) => isWritable(context) && feature.isCurrent(context) };
}

/** Profile List: the current one is marked. Best first, as initiators may take the first. */
const profileList = persistentFeature(0x0000, 0, ({ disc }) =>
  profiles.toReversed().flatMap(({ number }) => [number >> 8, number & 0xff, disc?.profile.number === number ? 0x01 : 0x00, 0]),
);

/** Core: physical interface standard 1, SCSI; INQ2 and DBE: INQUIRY of all of SPC, and events of the device busy class. */
const core = persistentFeature(0x0001, 2, () => [...uint32(1), 0x03, 0, 0, 0]);
/** Morphing: OCEVENT, operational change events; not ASYNC. */
const morphing = persistentFeature(0x0002, 1, () => [0x02, 0, 0, 0]);
/** Removable Medium: a tray that loads and ejects by command, with a lock. */
const removableMedium = persistentFeature(0x0003, 2, () => [0x39, 0, 0, 0]);

/** Random Readable: block size, blocks to an ECC block, PP: the recovery mode page is there. */
const randomReadable: Feature = {
  ...discFeature(0x0010, 0, [...cds, ...dvds, ...bds], ({ disc }) => [...uint32(BLOCK_LENGTH_BYTES), 0, disc?.profile.eccBlocks ?? 1, 0x01, 0]),
};
const multiRead = discFeature(0x001d, 0, cds, () => []);
/** CD Read: C2 pointers, no CD-TEXT and no digital audio. */
const cdRead = discFeature(0x001e, 2, cds, () => [0x02, 0, 0, 0]);
/** DVD Read: MULTI110, and double layer of DVD-R. */
const dvdRead = discFeature(0x001f, 1, dvds, () => [0x01, 0, 0x01, 0]);

/** Random Writable: last LBA, block size, blocking, PP. */
const randomWritable = writeFeature({
  ...discFeature(0x0020, 1, ['dvd+rw', 'bd-re'], ({ disc }) => {
    const last = Math.max(0, (disc?.recording?.state.format?.blockCount ?? 1) - 1);
    return [...uint32(last), ...uint32(BLOCK_LENGTH_BYTES), 0, disc?.profile.eccBlocks ?? 16, 0x01, 0];
  }),
  isCurrent: (context) => isFormatted(context),
});
/** Incremental Streaming Writable: data block type 8, no link sizes, BUF. */
const incrementalStreaming = writeFeature(discFeature(0x0021, 1, ['cd-r', 'cd-rw', 'bd-r'], () => [0x01, 0x00, 0x01, 0x00]));
/** Formattable, for a BD-RE in every way that READ FORMAT CAPACITIES lists. */
const formattable = writeFeature(discFeature(0x0023, 1, ['dvd+rw', 'bd-r', 'bd-re'], () => [0x0e, 0, 0, 0, 0, 0, 0, 0]));
/** DVD+RW: write; quick start, so that a blank disc can be written soon; close only. */
const dvdPlusRw = discFeature(0x002a, 0, ['dvd+rw'], () => [0x01, 0x03, 0, 0]);
const dvdPlusR = discFeature(0x002b, 0, ['dvd+r', 'dvd+r-dl'], () => [0x01, 0, 0, 0]);
const dvdPlusRDoubleLayer = discFeature(0x003b, 0, ['dvd+r-dl'], () => [0x01, 0, 0, 0]);
/** CD Track at Once: BUF and CD-RW; data block type 8 and 10. */
const trackAtOnce = writeFeature(discFeature(0x002d, 2, ['cd-r', 'cd-rw'], () => [0x42, 0, 0x05, 0x00]));
/** CD-RW Media Write: all sub-types. */
const cdRwWrite = writeFeature(discFeature(0x0037, 0, ['cd-rw'], () => [0, 0xff, 0, 0]));
const bdClasses = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
/** BD Read and BD Write: the classes and versions of BD-RE, BD-R and BD-ROM that are known. */
const bdRead = discFeature(0x0040, 0, bds, () => [0, 0, 0, 0, ...bdClasses, ...bdClasses, ...bdClasses]);
const bdWrite = writeFeature(discFeature(0x0041, 0, ['bd-r', 'bd-re'], () => [0, 0, 0, 0, ...bdClasses, ...bdClasses]));

const powerManagement = persistentFeature(0x0100, 0, () => []);
/** Timeout: Group 3 is not there, and the mode page says what the others are. */
const timeOut = persistentFeature(0x0105, 0, () => [0, 0, 0, 0]);
/** Real-Time Streaming: SCS set CD speed, MP2A speeds in page 2Ah, WSPD write speeds in GET PERFORMANCE, RBCB buffer capacity in blocks. */
const realTimeStreaming = persistentFeature(0x0107, 5, () => [0x1e, 0, 0, 0]);
/** Logical Unit Serial Number, padded with spaces to a multiple of four. */
const serialNumber = persistentFeature(0x0108, 0, ({ serial }) => [...Buffer.from(serial.padEnd(Math.ceil(serial.length / 4) * 4, ' '), 'latin1')]);

/** By ascending code, as GET CONFIGURATION returns them. */
export const driveFeatures: readonly Feature[] = [
  profileList,
  core,
  morphing,
  removableMedium,
  randomReadable,
  multiRead,
  cdRead,
  dvdRead,
  randomWritable,
  incrementalStreaming,
  formattable,
  dvdPlusRw,
  dvdPlusR,
  trackAtOnce,
  cdRwWrite,
  dvdPlusRDoubleLayer,
  bdRead,
  bdWrite,
  powerManagement,
  timeOut,
  realTimeStreaming,
  serialNumber,
];
