import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ScsiStatus } from '../../../engine/scsi/status.js';
import { InternalCommands } from '../../../engine/task/internal-commands.js';
import { assertBytes, hex } from '../../support/assert-bytes.js';
import { seededRandom } from '../../support/random.js';
import { BLOCK, Lun, Scene } from '../session/scene.js';
import { cdb10, loggedIn } from '../session/test-initiator.js';

/** Commands that a logical unit of the scene gives itself. */
function commandsOf(scene: Scene, lun: number): InternalCommands {
  const { slots, arena, dispatcher, taskSets } = scene;
  const onDefect = (error: unknown) => scene.defects.push(error);
  return new InternalCommands({ slots, arena, dispatcher, onDefect }, taskSets[lun] as (typeof taskSets)[number]);
}

const write = (lba: number, data: Uint8Array): [Uint8Array, Uint8Array] => [hex(cdb10(0x2a, lba, data.length / BLOCK)), data];

/** Lets what waits for promises go on. */
async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

for (const lun of [Lun.view, Lun.copy]) {
  test(`what is written from within is read from within, LUN ${lun}`, async () => {
    const scene = new Scene();
    const commands = commandsOf(scene, lun);
    const data = seededRandom(1).bytes(3 * BLOCK);
    assert.is((await commands.execute(...write(5, data))).status, ScsiStatus.good);
    const { status, dataIn } = await commands.execute(hex(cdb10(0x28, 5, 3)));
    assert.is(status, ScsiStatus.good);
    assertBytes(dataIn, data);
    scene.assertIdle();
  });
}

test('a command from within waits for the range that an initiator holds, and the other way round', async () => {
  const scene = new Scene();
  const initiator = loggedIn(scene);
  const commands = commandsOf(scene, Lun.pool);
  const first = initiator.write(0, 2, { lun: Lun.pool, data: new Uint8Array(2 * BLOCK).fill(1) });
  const within = commands.execute(...write(1, new Uint8Array(2 * BLOCK).fill(2)));
  await turn();
  const last = initiator.write(2, 2, { lun: Lun.pool, data: new Uint8Array(2 * BLOCK).fill(3) });
  assert.is(scene.dispatcher.held.length, 1);
  scene.dispatcher.completeAll();
  assert.is(initiator.takeResponse().initiatorTaskTag, first);
  assert.is((await within).status, ScsiStatus.good);
  scene.dispatcher.completeAll();
  assert.is(initiator.takeResponse().initiatorTaskTag, last);
  const { bytes } = scene.stores[Lun.pool] as { bytes: Uint8Array };
  assert.equal(
    [0, 1, 2, 3].map((lba) => bytes[lba * BLOCK]),
    [1, 2, 3, 3],
  );
  initiator.transport.output.flush();
  scene.assertIdle();
});

test('when the engine has stopped, whatever comes from within fails and touches no store', async () => {
  const scene = new Scene();
  const commands = commandsOf(scene, Lun.view);
  const waitsForRange = commands.execute(...write(0, new Uint8Array(BLOCK)));
  assert.is((await waitsForRange).status, ScsiStatus.good);
  const before = Buffer.from((scene.stores[Lun.view] as { bytes: Uint8Array }).bytes);
  await scene.dispatcher.stop();
  const { status, sense } = await commands.execute(...write(0, new Uint8Array(BLOCK).fill(9)));
  assert.is(status, ScsiStatus.checkCondition);
  assert.equal([(sense[2] as number) & 0xf, sense[12]], [0x4, 0x44]);
  assertBytes((scene.stores[Lun.view] as { bytes: Uint8Array }).bytes, before);
  scene.assertIdle();
});

test('a command from within that waits for a slot or for its range when the engine stops comes to its end', async () => {
  const scene = new Scene({ limits: { slotCount: 16 } });
  const initiator = loggedIn(scene, { keys: ['DefaultTime2Retain=0'] });
  const commands = commandsOf(scene, Lun.pool);
  initiator.write(0, 1, { lun: Lun.pool, data: new Uint8Array(BLOCK) });
  const waitsForRange = commands.execute(...write(0, new Uint8Array(BLOCK).fill(9)));
  await turn();
  while (scene.slots.freeCount > 0) scene.slots.acquire();
  const waitsForSlot = commands.execute(...write(8, new Uint8Array(BLOCK).fill(9)));
  await scene.dispatcher.stop();
  scene.dispatcher.completeAll();
  assert.is((await waitsForRange).status, ScsiStatus.checkCondition);
  assert.is((await waitsForSlot).status, ScsiStatus.checkCondition);
  const { bytes } = scene.stores[Lun.pool] as { bytes: Uint8Array };
  assert.equal([bytes[0], bytes[8 * BLOCK]].includes(9), false);
  assert.is(scene.taskSets[Lun.pool]?.locks.heldCount, 0);
});

test.run();
