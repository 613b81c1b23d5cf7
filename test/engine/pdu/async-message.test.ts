import { test } from 'uvu';
import { ASYNC_MESSAGE, AsyncEvent, decodeAsyncMessage, encodeAsyncMessage } from '../../../engine/pdu/async-message.js';
import { checkCodec } from './check-codec.js';

/** RFC 7143 §11.9: the target drops the connection and says which and how long to wait. */
checkCodec({
  name: 'Asynchronous Message',
  opcode: 0x32,
  offsets: ASYNC_MESSAGE,
  wire: `
    32 80 00 00   // Asynchronous Message, 1
    00 00 00 14   // DataSegmentLength 20
    00 08 00 00 00 00 00 00   // LUN 8
    ff ff ff ff
    00 00 00 00
    c1 c2 c3 c4   // StatSN
    d1 d2 d3 d4   // ExpCmdSN
    e1 e2 e3 e4   // MaxCmdSN
    02 0a 51 52   // AsyncEvent: connection drop, AsyncVCode, Parameter1
    53 54 55 56   // Parameter2, Parameter3
    00 00 00 00`,
  value: {
    lunHigh: 0x00080000,
    lunLow: 0,
    statSN: 0xc1c2c3c4,
    expCmdSN: 0xd1d2d3d4,
    maxCmdSN: 0xe1e2e3e4,
    asyncEvent: AsyncEvent.connectionDrop,
    asyncVCode: 0x0a,
    parameter1: 0x5152,
    parameter2: 0x5354,
    parameter3: 0x5556,
  },
  mask: `
    00 00 00 00  00 ff ff ff  ff ff ff ff ff ff ff ff  00 00 00 00  00 00 00 00  ff ff ff ff  ff ff ff ff
    ff ff ff ff  ff ff ff ff  ff ff ff ff  00 00 00 00`,
  fixed: `
    32 80 00 00  00 00 00 00  00 00 00 00 00 00 00 00  ff ff ff ff  00 00 00 00  00 00 00 00  00 00 00 00
    00 00 00 00  00 00 00 00  00 00 00 00  00 00 00 00`,
  encode: encodeAsyncMessage,
  decode: decodeAsyncMessage,
});

test.run();
