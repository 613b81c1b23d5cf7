import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { deviceTypes } from '../../../../engine/scsi/device-types.js';
import { LogicalUnit } from '../../../../engine/scsi/logical-unit.js';
import { Medium } from '../../../../engine/scsi/medium.js';
import { SpaceThreshold } from '../../../../engine/scsi/sbc/space-threshold.js';
import { soleUnitHost, type UnitState } from '../../../../engine/scsi/unit-host.js';
import type { Provisioning } from '../../../../engine/store/provisioning.js';
import { hex } from '../../../support/assert-bytes.js';
import { MemoryStore } from '../memory-store.js';
import { assertCheck, assertGood, BLOCK, identity, makeUnit, otherNexus, run, runDeferred } from '../scsi-fixture.js';
import { MemoryState, senseParameters } from '../spc/mode-fixture.js';

const MIB = 1024 * 1024;

class ThinStore extends MemoryStore {
  usedBytes = 0;
  readonly spaceBytes: number | null;
  override readonly provisioning: Provisioning = provisioningOf(this);

  constructor(spaceBytes: number | null) {
    super(BLOCK, { claimedSizeBytes: 64 * MIB });
    this.spaceBytes = spaceBytes;
  }
}

function provisioningOf(store: { readonly usedBytes: number; readonly spaceBytes: number | null }): Provisioning {
  return {
    granularityBytes: BLOCK,
    unmap: () => 0,
    anchor: () => 0,
    tellsAnchored: false,
    extentAt: (_at, lengthBytes) => ({ allocated: true, lengthBytes }),
    get usedBytes() {
      return store.usedBytes;
    },
    get spaceBytes() {
      return store.spaceBytes;
    },
  };
}

function makeThin(spaceBytes: number | null, state: UnitState = soleUnitHost.state): { readonly unit: LogicalUnit; readonly store: ThinStore } {
  const store = new ThinStore(spaceBytes);
  const medium = new Medium(store, { blockLengthBytes: BLOCK, readOnly: false, transferLengthBytesMax: MIB, thin: true });
  const host = { ...soleUnitHost, state, nexusesOf: () => [otherNexus] };
  return { unit: new LogicalUnit({ handle: 1, lun: 0, deviceType: deviceTypes.disk, medium, identity, host }), store };
}

const configure = (unit: LogicalUnit, percent: number | null) => unit.part(SpaceThreshold).configure({ percent, after: () => () => {} });
const page = (enabled: string, count: string) => `5c 02 0014 ${'00'.repeat(12)} ${enabled} 02 0000 ${count}`;
const select = (unit: LogicalUnit, text: string, flags = '10') => runDeferred(unit, `15 ${flags} 00 00 1c 00`, { dataOut: hex(`00 00 00 00 ${text}`) });
const threshold = (unit: LogicalUnit) => senseParameters(unit, 0x1c, 0, 2).slice(12);

test('MODE SENSE (6): the Logical Block Provisioning page is of thin units whose space has a bound', () => {
  for (const unit of [makeUnit(), makeThin(null).unit]) assertCheck(run(unit, '1a 08 1c 02 ff 00'), '05/24/00', '3');
  assert.equal(threshold(makeThin(40 * MIB).unit), [0x01, 0x02, 0, 0, 0, 0, 0, 0]);
});

test('MODE SENSE (6): it has the configured threshold, in sets of a MiB', () => {
  const { unit } = makeThin(40 * MIB);
  configure(unit, 75);
  assert.equal(threshold(unit), [0x81, 0x02, 0, 0, 0, 0, 0, 30]);
});

test('MODE SELECT (6): the threshold can be moved and turned off, and a reset brings the configured one back', async () => {
  const { unit, store } = makeThin(40 * MIB);
  configure(unit, 75);
  assertGood(await select(unit, page('81', '00000014')));
  const told = () => {
    unit.part(SpaceThreshold).check();
    return unit.pendingUnitAttentions(otherNexus).map(({ asc }) => asc);
  };
  store.usedBytes = 19 * MIB;
  assert.equal(told(), [0x2a01], 'MODE PARAMETERS CHANGED alone');
  store.usedBytes = 20 * MIB;
  assert.ok(told().includes(0x3807));
  assertGood(await select(unit, page('01', '00000014')));
  assert.is(unit.part(SpaceThreshold).percent, null);
  unit.reset('logical-unit-reset');
  assert.is(unit.part(SpaceThreshold).percent, 75);
});

test('MODE SELECT (6): what is no part of the threshold cannot be changed', async () => {
  const { unit } = makeThin(40 * MIB);
  assertCheck(await select(unit, page('82', '00000014')), '05/26/00');
  assertCheck(await select(unit, page('81', '00000014').replace('02 0000 ', '01 0000 ')), '05/26/00');
});

test('MODE SELECT (6): a saved threshold goes before the configured one after a restart; one that was not changed does not', async () => {
  const state = new MemoryState();
  const first = makeThin(40 * MIB, state).unit;
  configure(first, 75);
  assertGood(await select(first, page('81', '00000014'), '11'));
  const second = makeThin(40 * MIB, state).unit;
  configure(second, 75);
  assert.is(second.part(SpaceThreshold).percent, 50);
  assertGood(await select(second, page('81', '0000001e'), '11'));
  const third = makeThin(40 * MIB, state).unit;
  configure(third, 90);
  assert.is(third.part(SpaceThreshold).percent, 90);
});

test.run();
