import { blocksOf } from '../engine/devices/cdrom/optical-fixture.js';
import { bytesOf, type DeviceRecorder, type RecordedData } from './device-recorder.js';

const BLOCK_BYTES = 2048;
const ROOM = 4096;
const room: RecordedData = { dataInLength: ROOM };
const BLOCKS = 4;

export interface DiscLuns {
  /** A CD with an ISO image. */
  readonly pressed: number;
  /** Blank discs. */
  readonly dvdPlusR: number;
  readonly cdRw: number;
  readonly bdRe: number;
}

type Send = (name: string, cdb: string, more?: RecordedData) => Promise<Buffer>;

/** What players and burner programs send to drives with a pressed CD, and with blank discs that are recorded, closed and made blank again. */
export async function recordDiscs(recorder: DeviceRecorder, luns: DiscLuns): Promise<void> {
  const on =
    (lun: number): Send =>
    (name, cdb, more = {}) =>
      recorder.send(lun, name, bytesOf(cdb), more);
  for (const lun of [luns.pressed, luns.dvdPlusR, luns.cdRw, luns.bdRe]) {
    await recorder.inquire(lun);
    await recorder.takeUnitAttentions(lun);
    await askWhatItIs(on(lun));
  }
  await play(on(luns.pressed));
  await burn(on(luns.dvdPlusR));
  await rewrite(on(luns.cdRw));
  await format(on(luns.bdRe));
}

async function askWhatItIs(send: Send): Promise<void> {
  for (const page of ['00', '80', '83']) await send('Inquiry', `12 01 ${page} 0400 00`, room);
  for (const form of ['00', '01', '02']) await send('Get Configuration', `46 ${form} 0000 000000 1000 00`, room);
  for (const eventClass of ['02', '04', '10', '40', '7e']) await send('Get Event Status Notification', `4a 01 0000 ${eventClass} 0000 0100 00`, room);
  await send('Request Sense', '03 00 0000 fc 00', room);
  await send('Read Disc Information', '51 00 0000000000 0100 00', room);
  await send('Read Track Information', '52 01 00000001 00 0100 00', room);
  await send('Read Track Information', '52 00 00000000 00 0100 00', room);
  for (const page of ['01', '05', '0d', '0e', '1a', '1d', '2a', '3f']) await send('Mode Sense(10)', `5a 08 ${page} 00 000000 0400 00`, room);
  await send('Mode Sense(6)', '1a 08 3f 00 ff 00', room);
  await send('0x23', '23 00 0000000000 00fc 00', room);
  await send('0xbd', 'bd 00 00 00000000 00 0400 00 00', room);
  await send('Read Buffer Capacity', '5c 00 0000000000 000c 00', room);
  await send('Get Performance', 'ac 10 00000000 0000 0004 00 00', room);
  await send('Get Performance', 'ac 00 00000000 0000 0004 03 00', room);
  await send('Set CD Speed', 'bb 00 ffff ffff 0000000000 00');
  await send('Report Key', 'a4 00 00000000 00 00 0008 08 00', room);
  await send('Prevent/Allow Medium Removal', '1e 00 0000 01 00');
  await send('Prevent/Allow Medium Removal', '1e 00 0000 00 00');
  await send('Report LUNs', 'a0 00 00 000000 00000400 00 00', room);
}

async function play(send: Send): Promise<void> {
  await send('Read Capacity(10)', '25 00 00000000 0000 00 00', { dataInLength: 8 });
  for (const form of ['00', '01', '02', '04', '05']) {
    // ATIP and CD-TEXT are not on this disc.
    const ends = form >= '04' ? '5/2400' : 'good';
    await send('Read TOC/PMA/ATIP', `43 02 ${form} 000000 01 0400 00`, { ...room, ends });
    await send('Read TOC/PMA/ATIP', `43 00 ${form} 000000 01 0400 00`, { ...room, ends });
  }
  await send('0x42', '42 02 40 01 0000 00 0064 00', room);
  await send('Read(10)', '28 00 00000010 00 0002 00', { dataInLength: 2 * BLOCK_BYTES });
  await send('Read(12)', 'a8 00 00000010 00000002 00 00', { dataInLength: 2 * BLOCK_BYTES });
  await send('Read(10)', '28 00 00ffffff 00 0001 00', { dataInLength: BLOCK_BYTES, ends: '5/2100' });
  await send('0xbe', 'be 00 00000010 000001 f8 00 00', { dataInLength: 2352 });
  await send('0xb9', 'b9 00 00 000220 000221 10 00 00', { dataInLength: BLOCK_BYTES });
  await send('0x2f', '2f 00 00000010 00 0010 00');
  await send('0x2b', '2b 00 00000010 000000 00');
  await send('Start Stop Unit', '1b 00 0000 02 00');
  await send('Get Event Status Notification', '4a 01 0000 10 0000 0100 00', room);
  await send('Test Unit Ready', '00 00 000000 00', { ends: '2/3a02' });
  await send('Start Stop Unit', '1b 00 0000 03 00');
  await send('Get Event Status Notification', '4a 01 0000 10 0000 0100 00', room);
}

const write10 = (lba: number) => `2a 00 ${lba.toString(16).padStart(8, '0')} 00 ${BLOCKS.toString(16).padStart(4, '0')} 00`;

async function burn(send: Send): Promise<void> {
  for (const form of ['00', '01', '04', 'ff']) await send('Read DISC Structure', `ad 00 00000000 00 ${form} 0400 00 00`, room);
  await send('Reserve Track', '53 00 000000 00000010 00');
  await send('Write(10)', write10(0), { dataOut: blocksOf(0, BLOCKS) });
  await send('Write(12)', 'aa 00 00000004 00000004 00 00', { dataOut: blocksOf(BLOCKS, BLOCKS) });
  await send('Synchronize Cache', '35 00 00000000 00 0000 00');
  await send('Write(10)', write10(0), { dataOut: blocksOf(0, BLOCKS), ends: '5/2102' });
  await send('Close Track', '5b 00 01 00 0001 000000 00');
  await send('Close Track', '5b 00 06 00 0000 000000 00');
  for (const form of ['00', '01']) await send('Read TOC/PMA/ATIP', `43 00 ${form} 000000 01 0400 00`, room);
  await send('Read Disc Information', '51 00 0000000000 0100 00', room);
  await send('Read Track Information', '52 01 00000001 00 0100 00', room);
  await send('Read(10)', '28 00 00000000 00 0004 00', { dataInLength: BLOCKS * BLOCK_BYTES });
}

async function rewrite(send: Send): Promise<void> {
  await send('Mode Select(10)', '55 10 0000000000 003c 00', {
    dataOut: bytesOf(`0000 0000 0000 0000 05 32 41 04 08 ${'00'.repeat(9)} 0096 ${'00'.repeat(36)}`),
  });
  await send('Write(10)', write10(0), { dataOut: blocksOf(0, BLOCKS) });
  await send('Close Track', '5b 00 01 00 0001 000000 00');
  await send('Close Track', '5b 00 02 00 0000 000000 00');
  for (const form of ['00', '02', '03', '04']) await send('Read TOC/PMA/ATIP', `43 02 ${form} 000000 00 0400 00`, room);
  await send('0xa1', 'a1 01 00000000 0000 000000 00');
  await send('Read Disc Information', '51 00 0000000000 0100 00', room);
}

async function format(send: Send): Promise<void> {
  for (const form of ['00', 'ff']) await send('Read DISC Structure', `ad 01 00000000 00 ${form} 0400 00 00`, room);
  await send('0x04', '04 11 000000 00', { dataOut: bytesOf('00 82 0008 00001000 c4 000000') });
  await send('Write(10)', write10(0x100), { dataOut: blocksOf(0x100, BLOCKS) });
  await send('0x2e', '2e 00 00000200 00 0004 00', { dataOut: blocksOf(0x200, BLOCKS) });
  await send('Read(10)', '28 00 00000100 00 0004 00', { dataInLength: BLOCKS * BLOCK_BYTES });
  await send('Set Streaming', 'b6 00 0000000000 00 00 001c 00', { dataOut: bytesOf(`00000000 00000000 00000fff 00002328 000003e8 00002328 000003e8`) });
}
