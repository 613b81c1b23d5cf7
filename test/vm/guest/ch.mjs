// The ioctls of Linux's changer driver (linux/chio.h), for which Debian has no program.
//   node ch.mjs DEVICE params | init | element TYPE UNIT | position TYPE UNIT | move TYPE UNIT TYPE UNIT
import { closeSync, openSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire('/lunloom/package.json');
const koffi = require('koffi');
const ioctl = koffi.load('libc.so.6').func('int ioctl(int fd, unsigned long request, void *argument)');
const types = { picker: 0, slot: 1, portal: 2, drive: 3 };
const ELEMENT_LENGTH = 108;
const FULL = 1;

const [device, verb, ...words] = process.argv.slice(2);
const numbers = words.map((word) => types[word] ?? Number(word));
const descriptor = openSync(device, 'r+');

function ask(request, ints, lengthBytes = ints.length * 4) {
  const argument = Buffer.alloc(Math.max(lengthBytes, 4));
  ints.forEach((value, index) => {
    argument.writeInt32LE(value, index * 4);
  });
  if (ioctl(descriptor, request, argument) !== 0) throw new TypeError(`ioctl ${verb} failed: errno ${koffi.errno()}`);
  return argument;
}

const barcode = (bytes) => bytes.toString('latin1').split('\0')[0].trim();

switch (verb) {
  case 'params': {
    const answer = ask(0x80146306, [0, 0, 0, 0, 0]);
    const [current, pickers, slots, portals, drives] = [0, 4, 8, 12, 16].map((offset) => answer.readInt32LE(offset));
    console.log(JSON.stringify({ current, pickers, slots, portals, drives }));
    break;
  }
  case 'element': {
    const answer = ask(0x406c6310, numbers, ELEMENT_LENGTH);
    console.log(JSON.stringify({ status: answer.readInt32LE(8), full: (answer.readInt32LE(8) & FULL) !== 0, barcode: barcode(answer.subarray(32, 68)) }));
    break;
  }
  case 'move':
    ask(0x40146301, [...numbers, 0]);
    break;
  case 'position':
    ask(0x400c6303, [...numbers, 0]);
    break;
  case 'init':
    ask(0x6311, []);
    break;
  default:
    throw new TypeError(`no verb ${verb}`);
}
closeSync(descriptor);
