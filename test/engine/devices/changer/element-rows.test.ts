import { unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Asc } from '../../../../engine/scsi/sense.js';
import { assertCheck, assertGood, dataInOf, nexus, otherNexus, run, runDeferred } from '../../scsi/scsi-fixture.js';
import { DRIVE_1, MAILSLOT_1, makeScene, PICKER, readElements, SLOT_1 } from './changer-fixture.js';

for (const [name, cdb, wrong] of [
  ['INITIALIZE ELEMENT STATUS', '07 00000000 00', null],
  ['INITIALIZE ELEMENT STATUS WITH RANGE', `37 03 ${SLOT_1} 0000 0002 0000`, '37 01 0500 0000 0002 0000'],
  ['INITIALIZE ELEMENT STATUS WITH RANGE (E7h)', `e7 01 ${SLOT_1} 0000 0000 0080`, 'e7 01 0500 0000 0002 0000'],
] as const) {
  test(`${name}: looks again which images are there`, async () => {
    const { unit, folder, close } = await makeScene();
    const exceptionOf = () => readElements(dataInOf(run(unit, `b800 ${SLOT_1} 0001 0000 ffff 0000`)))[0]?.asc;
    unlinkSync(join(folder, 'a.tape'));
    assert.is(exceptionOf(), 0);
    assertGood(await runDeferred(unit, cdb));
    assert.is(exceptionOf(), 0x5300);
    if (wrong !== null) assertCheck(await runDeferred(unit, wrong), '05/21/01');
    assertCheck(run(unit, cdb.replace(/^(..).../, '$1 80')), '05/24/00', '1.7');
    assertGood(run(unit, '160000000000'));
    assert.is((await runDeferred(unit, cdb, { nexus: otherNexus })).status, 0x18);
    await close();
  });
}

test('INITIALIZE ELEMENT STATUS WITH RANGE: without RANGE the address does not count', async () => {
  const { unit, close } = await makeScene();
  assertGood(await runDeferred(unit, '37 00 0500 0000 0002 0000'));
  await close();
});

test('POSITION TO ELEMENT: checks its addresses, and INVERT', async () => {
  const { unit, close } = await makeScene();
  assertGood(run(unit, `2b 00 ${PICKER} ${SLOT_1} 0000 0000`));
  assertGood(run(unit, `2b 00 ${PICKER} ${PICKER} 0000 0000`));
  assertCheck(run(unit, `2b 00 ${PICKER} 0500 0000 0000`), '05/21/01');
  assertCheck(run(unit, `2b 00 ${SLOT_1} ${SLOT_1} 0000 0000`), '05/21/01');
  assertCheck(run(unit, `2b 00 ${PICKER} ${SLOT_1} 0000 0100`), '05/24/00', '8.0');
  assertGood(run(unit, '160000000000'));
  assert.is(run(unit, `2b 00 ${PICKER} ${SLOT_1} 0000 0000`, { nexus: otherNexus }).status, 0x18);
  await close();
});

test('OPEN/CLOSE IMPORT/EXPORT ELEMENT: opens and closes, and a reset closes', async () => {
  const { unit, close } = await makeScene();
  const isAccessible = () => ((readElements(dataInOf(run(unit, `b800 ${MAILSLOT_1} 0001 0000 ffff 0000`)))[0]?.flags ?? 0) & 0x08) !== 0;
  assertGood(run(unit, `1b00 ${MAILSLOT_1} 0000`));
  assert.is(isAccessible(), false);
  assertGood(run(unit, `1b00 ${MAILSLOT_1} 0100`));
  assert.is(isAccessible(), true);
  assertGood(run(unit, `1b00 ${MAILSLOT_1} 0100`));
  assert.equal(unit.pendingUnitAttentions(otherNexus), [{ asc: Asc.importOrExportElementAccessed }], 'told once, and not who did it');
  assertGood(run(unit, `1b00 ${MAILSLOT_1} 0000`));
  unit.reset('logical-unit-reset');
  assert.is(isAccessible(), true);
  await close();
});

test('OPEN/CLOSE IMPORT/EXPORT ELEMENT: other elements and actions, a reservation, and removal that is prevented', async () => {
  const { unit, close } = await makeScene();
  assertCheck(run(unit, `1b00 ${SLOT_1} 0000`), '05/21/01');
  assertCheck(run(unit, `1b00 ${DRIVE_1} 0000`), '05/21/01');
  assertCheck(run(unit, '1b00 0500 0000'), '05/21/01');
  assertCheck(run(unit, `1b00 ${MAILSLOT_1} 0200`), '05/24/00', '4.4');
  assertGood(run(unit, '1e0000000100', { nexus: otherNexus }));
  assertCheck(run(unit, `1b00 ${MAILSLOT_1} 0000`), '05/53/02');
  assertGood(run(unit, `1b00 ${MAILSLOT_1} 0100`));
  assertGood(run(unit, '1e0000000000', { nexus: otherNexus }));
  assertGood(run(unit, `1b00 ${MAILSLOT_1} 0000`));
  assertGood(run(unit, '160000000000', { nexus }));
  assert.is(run(unit, `1b00 ${MAILSLOT_1} 0100`, { nexus: otherNexus }).status, 0x18);
  await close();
});

test('PREVENT ALLOW MEDIUM REMOVAL: a value that is obsolete, and a reservation', async () => {
  const { unit, close } = await makeScene();
  assertCheck(run(unit, '1e0000000200'), '05/24/00', '4.1');
  assertGood(run(unit, '160000000000'));
  assert.is(run(unit, '1e0000000100', { nexus: otherNexus }).status, 0x18);
  await close();
});

test('SEND DIAGNOSTIC: the default self-test looks at the images, and nothing else is there', async () => {
  const { unit, close } = await makeScene();
  assertGood(await runDeferred(unit, '1d0400000000'));
  assertCheck(run(unit, '1d0000000000'), '05/24/00', '1.2');
  assertCheck(run(unit, '1d0400000400'), '05/24/00', '3');
  assertGood(run(unit, '160000000000'));
  assert.is(run(unit, '1d0400000000', { nexus: otherNexus }).status, 0x18);
  await close();
});

test.run();
