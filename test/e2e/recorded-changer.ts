import * as assert from 'uvu/assert';
import { bytesOf, type DeviceRecorder, type RecordedData } from './device-recorder.js';

const ROOM = 4096;
const room: RecordedData = { dataInLength: ROOM };

const PARAMETERS_OF_ALL = 'it reads the list of supported log pages as log parameters, each with a header of four bytes';

/** What backup programs send to a library that keeps its cartridges in slots 400h and 401h and has drives at 100h and 101h and a mail slot at 300h. */
export async function recordChanger(recorder: DeviceRecorder, lun: number): Promise<void> {
  const send = (name: string, cdb: string, more: RecordedData = {}) => recorder.send(lun, name, bytesOf(cdb), more);
  await recorder.inquire(lun);
  await recorder.takeUnitAttentions(lun);
  for (const page of ['00', '80', '83', '85', '86', '87', '88']) await send('Inquiry', `12 01 ${page} 0400 00`, room);
  await send('Initialize Element Status', '07 00 000000 00');
  await send('Initialize Element Status With Range', '37 01 0400 0000 0002 00 00');
  for (const type of ['00', '01', '02', '03', '04', '10', '11', '12', '13', '14'])
    await send('Read Element Status', `b8 ${type} 0000 ffff 01 001000 00 00`, room);
  await send('Read Element Status', 'b8 00 0000 ffff 00 001000 00 00', room);
  await send('Position To Element', '2b 00 0000 0400 0000 00 00');
  await send('Move Medium', 'a5 00 0000 0400 0100 0000 00 00');
  await send('Move Medium', 'a5 00 0000 0401 0300 0000 00 00');
  // Wireshark has EXCHANGE MEDIUM at 40h, where SMC-1 drafts had it; in SMC-2 and SMC-3 it is A6h.
  await send('0xa6', 'a6 00 0000 0100 0300 0100 0000 00 00');
  await send('Move Medium', 'a5 00 0000 0402 0101 0000 00 00', { ends: '5/3b0e' });
  await send('Move Medium', 'a5 00 0000 0409 0101 0000 00 00', { ends: '5/2101' });
  for (const page of ['02', '0a', '1a', '1c', '1d', '1e', '1f', '3f']) await send('Mode Sense(6)', `1a 00 ${page} 00 ff 00`, room);
  await send('Mode Sense(10)', '5a 00 3f ff 000000 0400 00', room);
  await send('Log Sense', '4d 00 6e 00 00 0000 0400 00', room);
  // SPC-4 "Supported Log Pages log page": one byte a page.
  const pages = await send('Log Sense', '4d 00 40 00 00 0000 0400 00', { ...room, misread: PARAMETERS_OF_ALL });
  assert.is(pages.toString('hex'), '80000003002e2f');
  await send('Send Volume Tag', 'b6 00 0000 00 05 0000 0028 00 00', { dataOut: Buffer.from(`LUN*${' '.repeat(28)}${'\0'.repeat(8)}`) });
  await send('Request Volume Element Address', 'b5 10 0000 ffff 00 001000 00 00', room);
  await send('Prevent/Allow Medium Removal', '1e 00 0000 01 00');
  await send('Open/Close Import/Export Element', '1b 00 0300 00 00', { ends: '5/5302' });
  await send('Prevent/Allow Medium Removal', '1e 00 0000 00 00');
  await send('Open/Close Import/Export Element', '1b 00 0300 00 00');
  await send('Open/Close Import/Export Element', '1b 00 0300 01 00');
  await send('Move Medium', 'a5 00 0000 0100 0402 0000 00 00');
  await send('Reserve(6)', '16 00 000000 00');
  await send('Release(6)', '17 00 000000 00');
  await send('Persistent Reserve In', '5e 00 0000000000 0400 00', room);
  await send('Send Diagnostic', '1d 04 00 0000 00');
  await send('Mgmt Protocol In', 'a3 0c 00 00 0000 00000400 00 00', room);
  await send('Report LUNs', 'a0 00 00 000000 00000400 00 00', room);
}
