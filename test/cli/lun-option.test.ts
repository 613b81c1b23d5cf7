import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseLunOption } from '../../cli/lun-option.js';

const FORMS: readonly (readonly [string, Record<string, unknown> | string])[] = [
  ['0=ram:1GiB', { lun: 0, store: 'ram:1GiB' }],
  [
    '4=ram:1GiB,thin,removable=on,pi=1,physical-block-size=4KiB',
    { lun: 4, store: 'ram:1GiB', thin: true, removable: true, pi: 1, 'physical-block-size': '4KiB' },
  ],
  ['5=ram:1GiB,thin=off,threshold=80,naa=5000c50012345678', { lun: 5, store: 'ram:1GiB', thin: false, threshold: 80, naa: '5000c50012345678' }],
  ['7=null:1TiB,execution=inline', { lun: 7, store: 'null:1TiB', execution: 'inline' }],
  ['1=file:disk.img,size=10GiB,readonly,direct', { lun: 1, store: 'file:/home/lab/disk.img', size: '10GiB', readonly: true, direct: true }],
  ['1=file:/srv/x,readonly=true,direct=false', { lun: 1, store: 'file:/srv/x', readonly: true, direct: false }],
  ['1=file:/srv/a=b:c.img', { lun: 1, store: 'file:/srv/a=b:c.img' }],
  ['1=file:/srv/a\\,b\\\\c\\d.img', { lun: 1, store: 'file:/srv/a,b\\c\\d.img' }],
  ['0=ram:1GiB,block-size=4096,serial=123,product=a\\,b', { lun: 0, store: 'ram:1GiB', 'block-size': 4096, serial: '123', product: 'a,b' }],
  ['0=ram:1GiB, readonly', { lun: 0, store: 'ram:1GiB', readonly: true }],
  // Left as they are for the schema, which says what it expected.
  ['x=ram:1GiB', { lun: 'x', store: 'ram:1GiB' }],
  ['=ram:1GiB', { lun: '', store: 'ram:1GiB' }],
  ['0=ram:1GiB,block-size=4K,readonly=yes', { lun: 0, store: 'ram:1GiB', 'block-size': '4K', readonly: 'yes' }],
  ['0=ram:1GiB,serial', { lun: 0, store: 'ram:1GiB', serial: null }],
  ['0=file:~/x', { lun: 0, store: 'file:~/x' }],
  ['0=file:', { lun: 0, store: 'file:' }],
  // Forms that are none.
  ['ram:1GiB', 'expected N=STORE[,key=value…] such as 0=ram:1GiB or 1=file:/srv/disk.img,readonly'],
  ['', 'expected N=STORE[,key=value…] such as 0=ram:1GiB or 1=file:/srv/disk.img,readonly'],
  ['0=ram:1GiB,', 'expected key=value behind each comma, found ""'],
  ['0=ram:1GiB,=5', 'expected key=value behind each comma, found "=5"'],
  ['0=ram:1GiB,readonly,readonly', 'readonly is there twice'],
  ['0=ram:1GiB,lun=3', 'lun stands in front, not behind a comma; expected N=STORE[,key=value…] such as 0=ram:1GiB or 1=file:/srv/disk.img,readonly'],
];

test('--lun forms', () => {
  for (const [text, expected] of FORMS) {
    const { raw, fault } = parseLunOption(text, '/home/lab');
    assert.equal(raw ?? fault, expected, text);
  }
});

test.run();
