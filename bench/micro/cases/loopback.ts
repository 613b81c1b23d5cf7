import { Engine } from '../../../engine/engine.js';
import { assert } from '../../../engine/errors.js';
import { type LoopbackCommand, openLoopback } from '../../../engine/loopback/index.js';
import { ScsiStatus } from '../../../engine/scsi/status.js';
import type { MicroCase, OpenCase } from '../model.js';

const LENGTH_BYTES = 4096;
const BLOCK_LENGTH_BYTES = 512;
const STORE_BYTES = 64 * 1024 * 1024;
const NAME = 'iqn.2026-11.io.lunloom:micro';

/** A whole engine with a disk in memory, and one command after the other through its second transport; each has ended when the next begins. */
async function openLoop(commandAt: (index: number) => LoopbackCommand): Promise<OpenCase> {
  const engine = await Engine.start({
    portals: [{ address: '127.0.0.1', port: 0 }],
    targets: [{ name: NAME, luns: [{ lun: 0, store: { kind: 'ram', sizeBytes: STORE_BYTES }, blockLengthBytes: BLOCK_LENGTH_BYTES, readOnly: false }] }],
    execution: 'inline',
    workerCount: 0,
    insecure: false,
    limits: {},
  });
  const nexus = openLoopback(engine);
  // The unit attention of a new nexus.
  await nexus.execute({ cdb: new Uint8Array(6) });
  const { status } = await nexus.execute(commandAt(0));
  assert(status === ScsiStatus.good, 'the command is one that the disk takes');
  let index = 0;
  return {
    run(count) {
      for (let left = count; left > 0; left--) void nexus.execute(commandAt(index++));
      assert(nexus.openCount === 0, 'a command that runs inline has ended when it has been given');
      return index;
    },
    async close() {
      await nexus.close();
      await engine.stop({ immediately: true });
    },
  };
}

function readAt(): (index: number) => LoopbackCommand {
  const cdb = Buffer.from('28000000000000000800', 'hex');
  const command = { cdb, dataInLength: LENGTH_BYTES };
  const places = STORE_BYTES / LENGTH_BYTES;
  return (index) => {
    cdb.writeUInt32BE((index % places) * (LENGTH_BYTES / BLOCK_LENGTH_BYTES), 2);
    return command;
  };
}

const testUnitReady: LoopbackCommand = { cdb: new Uint8Array(6) };

export const loopbackCases: readonly MicroCase[] = [
  { name: 'loopback/tur', title: 'TEST UNIT READY by lunloom/loopback, inline', open: () => openLoop(() => testUnitReady) },
  { name: 'loopback/read-4k', title: '4 KiB read by lunloom/loopback, inline', bytes: LENGTH_BYTES, open: () => openLoop(readAt()) },
];
