import * as assert from 'uvu/assert';
import { BLOCK_LIMITS_OF_ALL, bytesOf, type DeviceRecorder, type RecordedData } from './device-recorder.js';

const BLOCK_BYTES = 512;
const ROOM = 1024;
const data = (blockCount: number) => Buffer.alloc(blockCount * BLOCK_BYTES, 0x5a);
const room: RecordedData = { dataInLength: ROOM };

/** A page of plain-text key for AES-256-GCM, SSC-4 "Set Data Encryption page". */
const KEY_PAGE = `0010 0030 40 00 02 03 01 00 00 ${'00'.repeat(7)} 0020 ${'42'.repeat(32)}`;
const KEY_OFF_PAGE = `0010 0010 40 00 00 00 01 00 00 ${'00'.repeat(7)} 0000`;

/** What backup programs send to a drive, and nearly all else that it has. The cartridge is formatted in the end. */
export async function recordTape(recorder: DeviceRecorder, lun: number): Promise<void> {
  await recorder.inquire(lun);
  await recorder.takeUnitAttentions(lun);
  const send = (name: string, cdb: string, more: RecordedData = {}) => recorder.send(lun, name, bytesOf(cdb), more);
  await askWhatItIs(send);
  await writeBlocks(send);
  await findBlocks(send);
  await encrypt(send);
  await changeCartridge(send);
}

type Send = (name: string, cdb: string, more?: RecordedData) => Promise<Buffer>;

async function askWhatItIs(send: Send): Promise<void> {
  for (const page of ['00', '80', '83', '85', '86', '87', '88', 'b1', 'b2']) await send('Inquiry', `12 01 ${page} 0400 00`, room);
  // SSC-4 "Sequential-access device capabilities VPD page": it takes WORM cartridges.
  assert.is((await send('Inquiry', '12 01 b0 0400 00', { ...room, misread: BLOCK_LIMITS_OF_ALL })).toString('hex'), '01b000020100');
  await send('Request Sense', '03 00 0000 fc 00', room);
  await send('Report LUNs', 'a0 00 00 000000 00000400 00 00', room);
  await send('Read Block Limits', '05 00 000000 00', room);
  for (const page of ['3f', '01', '02', '0a', '0f', '10', '11', '1a', '1c', '1d', '00']) await send('Mode Sense(6)', `1a 00 ${page} 00 ff 00`, room);
  await send('Mode Sense(10)', '5a 00 10 01 000000 0400 00', room);
  await send('Mode Sense(10)', '5a 00 3f ff 000000 0400 00', room);
  for (const page of ['00', '02', '03', '06', '0c', '0d', '17', '1b', '2e', '31'])
    await send('Log Sense', `4d 00 ${hexOf(0x40 | Number(`0x${page}`))} 00 00 0000 0400 00`, room);
  await send('Report Density Support', '44 00 0000000000 0400 00', room);
  await send('Report Density Support', '44 01 0000000000 0400 00', room);
  await send('Report Density Support', '44 02 0000000000 0400 00', room);
  await send('Persistent Reserve In', '5e 00 0000000000 0400 00', room);
  await send('Persistent Reserve Out', '5f 00 00 00 00 00000018 00', { dataOut: bytesOf('0000000000000000 00000000000000a7 0000000000000000') });
  await send('Persistent Reserve Out', '5f 00 00 00 00 00000018 00', { dataOut: bytesOf('00000000000000a7 0000000000000000 0000000000000000') });
  await send('0xa2', 'a2 00 0000 00 00 00000400 00 00', room);
  await send('0x8c', '8c 00 00000000 0000 0000 00000400 00 00', room);
  await send('Mgmt Protocol In', 'a3 0c 00 00 0000 00000400 00 00', { dataInLength: ROOM });
}

const hexOf = (value: number) => value.toString(16).padStart(2, '0');

async function writeBlocks(send: Send): Promise<void> {
  await send('Reserve(6)', '16 00 000000 00');
  await send('Prevent/Allow Medium Removal', '1e 00 0000 01 00');
  await send('Rewind', '01 00 000000 00');
  for (const length of ['000200', '000400', '000064']) await send('Write(6)', `0a 00 ${length} 00`, { dataOut: Buffer.alloc(Number(`0x${length}`), 0x17) });
  await send('Write Filemarks(6)', '10 00 000001 00');
  await send('Mode Select(6)', '15 10 0000 0c 00', { dataOut: bytesOf('00001008 0000000000000200') });
  await send('Write(6)', '0a 01 000004 00', { dataOut: data(4) });
  await send('Write(16)', '8a 01 00 00 0000000000000008 000002 00', { dataOut: data(2) });
  await send('Write Filemarks(16)', '80 00 00 00 000000000000000a 000002 00');
  await send('Mode Select(10)', '55 10 00000000 00 0010 00', { dataOut: bytesOf('0000 00 10 0000 0008 0000000000000000') });
}

const SHORT_NUMBERS = 'it takes the locations of the extended form, which have eight bytes, for numbers of four, and reads on behind the end';
const location = (value: number) => value.toString(16).padStart(16, '0');

async function findBlocks(send: Send): Promise<void> {
  await send('Read Position', '34 00 0000000000 0000 00', { dataInLength: 20 });
  await send('Read Position', '34 06 0000000000 0000 00', { dataInLength: 32 });
  const extended = await send('Read Position', '34 08 0000000000 0020 00', { dataInLength: 32, misread: SHORT_NUMBERS });
  // SSC-4 "READ POSITION data format, extended form": flags, partition, additional length, objects in the buffer, first and last location, bytes.
  assert.is(extended.toString('hex'), `00 00 001c 00 000000 ${location(12)} ${location(12)} ${location(0)}`.replaceAll(' ', ''));
  await send('Rewind', '01 00 000000 00');
  await send('Read(6)', '08 00 000200 00', { dataInLength: BLOCK_BYTES });
  // Two blocks that are no 512 bytes long, with and without SILI, and the filemark behind them.
  await send('Read(6)', '08 00 000200 00', { dataInLength: BLOCK_BYTES, ends: '0/0000' });
  await send('Read(6)', '08 02 000200 00', { dataInLength: BLOCK_BYTES });
  await send('Read(6)', '08 00 000200 00', { dataInLength: BLOCK_BYTES, ends: '0/0001' });
  await send('Read(16)', '88 00 00 00 0000000000000000 000200 00', { dataInLength: BLOCK_BYTES });
  await send('Space(6)', '11 01 000001 00');
  await send('Space(6)', '11 01 ffffff 00');
  await send('Space(6)', '11 03 000000 00');
  await send('Space(16)', '91 00 00 00 ffffffffffffffff 0000 00 00', { ends: '0/0001' });
  await send('Locate(10)', '2b 00 00 00000004 00 00 00');
  await send('Locate(16)', '92 00 00 00 0000000000000001 0000 00 00');
  await send('Verify(6)', '13 00 000400 00');
  await send('Verify(16)', '8f 00 00 00 0000000000000001 000400 00');
  await send('Recover Buffered Data', '14 00 000200 00', { dataInLength: BLOCK_BYTES, ends: '8/0005' });
}

async function encrypt(send: Send): Promise<void> {
  await send('0xb5', 'b5 20 0010 00 00 00000034 00 00', { dataOut: bytesOf(KEY_PAGE) });
  for (const page of ['0000', '0001', '0010', '0011', '0020', '0021']) await send('0xa2', `a2 20 ${page} 00 00 00000400 00 00`, room);
  await send('Write(6)', '0a 00 000200 00', { dataOut: data(1) });
  await send('0xb5', 'b5 20 0010 00 00 00000014 00 00', { dataOut: bytesOf(KEY_OFF_PAGE) });
  await send('Space(6)', '11 00 ffffff 00');
  await send('Read(6)', '08 00 000200 00', { dataInLength: BLOCK_BYTES, ends: '7/7401' });
}

async function changeCartridge(send: Send): Promise<void> {
  await send('Erase(6)', '19 00 000000 00');
  await send('Prevent/Allow Medium Removal', '1e 00 0000 00 00');
  await send('Load Unload', '1b 00 0000 00 00');
  await send('Test Unit Ready', '00 00 000000 00', { ends: '2/3a00' });
  await send('Load Unload', '1b 00 0000 01 00');
  await send('Rewind', '01 00 000000 00');
  await send('Erase(16)', '93 00 00 00 0000000000000000 0000 00 00');
  await send('0x82', '82 00 00 00 0000000000000000 0000 00 00', { ends: 'good' });
  await send('Set Capacity', '0b 00 00 8000 00');
  await send('Format Medium', '04 00 00 0000 00');
  await send('Send Diagnostic', '1d 04 00 0000 00');
  await send('Log Select', '4c 02 c0 00 00 00 00 0000 00');
  await send('Write Buffer', '3b 02 00 000000 000010 00', { dataOut: Buffer.alloc(16, 0x3b) });
  await send('Read Buffer', '3c 02 00 000000 000010 00', { dataInLength: 16 });
  await send('0x8d', '8d 01 00000000 0000 0000 00000011 00 00', { dataOut: bytesOf(`0000000d 0806 01 0008 ${Buffer.from('Lunloom ').toString('hex')}`) });
  await send('Release(6)', '17 00 000000 00');
}
