import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Engine } from '../../../../engine/engine.js';
import { type LoopbackNexus, openLoopback } from '../../../../engine/loopback/index.js';
import { encodeOsd, Osd, type OsdCommand } from '../../../support/osd-cdb.js';
import { OBJECT, PARTITION, u64 } from './osd-fixture.js';

// PERFORM TASK MANAGEMENT FUNCTION on a device with its thread: other tasks are there while it runs.

const LUN = 4;
const LENGTH = 4 * 1024 * 1024;
const TaskManagement = { abortTask: 0x01, clearAca: 0x40, queryTask: 0x80 } as const;
type Attribute = Parameters<LoopbackNexus['execute']>[0]['attribute'];

/** Sends commands, and knows by which tag each went. */
class Tagged {
  readonly #nexus: LoopbackNexus;
  #lastTag = 0;

  constructor(nexus: LoopbackNexus) {
    this.#nexus = nexus;
  }

  /** `05/2400`, `good`, the status, or the code of the error. */
  send(command: OsdCommand, attribute: Attribute = 'simple', control = 0): { readonly tag: number; readonly ended: Promise<string> } {
    const { cdb, dataOut, dataInLength } = encodeOsd(command);
    cdb[1] = control;
    const tag = ++this.#lastTag;
    const data = { ...(dataOut.length === 0 ? {} : { dataOut }), ...(dataInLength === 0 ? {} : { dataInLength }) };
    const ended = this.#nexus.execute({ lun: LUN, cdb, attribute, ...data } as Parameters<LoopbackNexus['execute']>[0]).then(
      ({ status, sense }) => (status === 0 ? 'good' : sense.length === 0 ? `status ${status}` : Buffer.from(sense.subarray(1, 4)).toString('hex')),
      (error: { code: string }) => error.code,
    );
    return { tag, ended };
  }

  manage(what: number, tag: number, attribute: Attribute = 'head of queue'): Promise<string> {
    const patches = [[16, Uint8Array.of(what)] as const, [24, u64(tag)] as const];
    return this.send({ action: Osd.PERFORM_TASK_MANAGEMENT_FUNCTION, patches }, attribute).ended;
  }
}

async function withDevice(use: (tagged: Tagged) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'lunloom-osd-tasks-'));
  const lun = { lun: LUN, device: { kind: 'osd', source: join(folder, 'store'), options: {} }, readOnly: false };
  const engine = await Engine.start({
    portals: [{ address: '127.0.0.1', port: 0 }],
    targets: [{ name: 'iqn.2026-11.io.lunloom:tasks', luns: [lun] }],
    execution: 'auto',
    workerCount: 1,
    insecure: false,
    limits: {},
  });
  try {
    const tagged = new Tagged(openLoopback(engine));
    // The unit attention of a nexus that has just come.
    await tagged.send({ action: Osd.GET_ATTRIBUTES }).ended;
    assert.is(await tagged.send({ action: Osd.CREATE_PARTITION, partition: PARTITION }).ended, 'good');
    assert.is(await tagged.send({ action: Osd.CREATE, partition: PARTITION, object: OBJECT }).ended, 'good');
    await use(tagged);
    const { slotsInUse, openTaskCount } = engine.usage();
    assert.equal({ slotsInUse, openTaskCount }, { slotsInUse: 0, openTaskCount: 0 });
  } finally {
    await engine.stop({ immediately: true });
    rmSync(folder, { recursive: true });
  }
}

const write: OsdCommand = { action: Osd.WRITE, partition: PARTITION, object: OBJECT, length: LENGTH, data: Buffer.alloc(LENGTH, 1) };

test('PERFORM TASK MANAGEMENT FUNCTION: ABORT TASK and QUERY TASK find a task of the nexus by its tag', () =>
  withDevice(async (tagged) => {
    const [first, second, third] = [tagged.send(write), tagged.send(write), tagged.send(write)];
    assert.is(await tagged.manage(TaskManagement.queryTask, third.tag), 'good');
    assert.is(await tagged.manage(TaskManagement.abortTask, third.tag), 'good');
    assert.is(await third.ended, 'LOOPBACK_ABORTED');
    assert.is(await tagged.manage(TaskManagement.queryTask, third.tag), '052400');
    assert.equal(await Promise.all([first.ended, second.ended]), ['good', 'good']);
    assert.is(await tagged.manage(TaskManagement.abortTask, third.tag), 'good', 'what has ended is aborted');
  }));

test('PERFORM TASK MANAGEMENT FUNCTION: one that would abort itself is refused, and two that abort each other both end', () =>
  withDevice(async (tagged) => {
    const own = tagged.send({ action: Osd.GET_ATTRIBUTES }).tag + 1;
    assert.is(await tagged.manage(TaskManagement.abortTask, own), '052400');
    const ended = await Promise.all([tagged.manage(TaskManagement.abortTask, own + 2), tagged.manage(TaskManagement.abortTask, own + 1)]);
    assert.ok(ended.includes('LOOPBACK_ABORTED'), ended.join());
  }));

test('PERFORM TASK MANAGEMENT FUNCTION: CLEAR ACA is the command with the ACA attribute that ends the condition', () =>
  withDevice(async (tagged) => {
    const naca = 0x04;
    assert.is(await tagged.send({ action: Osd.READ, partition: PARTITION, object: 0x99999n }, 'simple', naca).ended, '052400');
    assert.is(await tagged.send({ action: Osd.GET_ATTRIBUTES }).ended, 'status 48', 'ACA ACTIVE');
    assert.is(await tagged.manage(TaskManagement.clearAca, 0, 'aca'), 'good');
    assert.is(await tagged.send({ action: Osd.GET_ATTRIBUTES }).ended, 'good');
  }));

test.run();
