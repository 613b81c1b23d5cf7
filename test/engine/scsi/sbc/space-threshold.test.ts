import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { SpaceThreshold } from '../../../../engine/scsi/sbc/space-threshold.js';
import { Asc } from '../../../../engine/scsi/sense.js';
import { BLOCK, BLOCK_COUNT, makeUnit, nexus, otherNexus } from '../scsi-fixture.js';
import { ThinMemoryStore } from '../thin-memory-store.js';

/** A unit with 100 pieces of space and two nexuses; `tick` lets the time of the next check come. */
function setUp(percent: number | null, spaceBytes: number | null = 100 * BLOCK) {
  const store = new ThinMemoryStore(BLOCK * BLOCK_COUNT, { granularityBytes: BLOCK });
  store.spaceBytes = spaceBytes;
  const unit = makeUnit({ store, thin: true, host: { nexusesOf: () => [nexus, otherNexus] } });
  let due: (() => void) | null = null;
  unit.part(SpaceThreshold).configure({
    percent,
    after: (_delayMs, callback) => {
      due = callback;
      return () => {
        due = null;
      };
    },
  });
  const tick = () => {
    const callback = due;
    due = null;
    callback?.();
  };
  const use = (pieces: number) => {
    store.allocated.clear();
    for (let piece = 0; piece < pieces; piece++) store.allocated.add(piece);
    unit.onMediumCommand?.();
    tick();
  };
  const told = () => [nexus, otherNexus].map((one) => unit.takeUnitAttention(one)?.asc);
  return { unit, use, told };
}

const REACHED = Asc.thinProvisioningSoftThresholdReached;

test('the soft threshold: every nexus is told once when it is reached', () => {
  const { use, told } = setUp(80);
  use(79);
  assert.equal(told(), [undefined, undefined]);
  use(80);
  assert.equal(told(), [REACHED, REACHED]);
  use(95);
  assert.equal(told(), [undefined, undefined]);
});

test('the soft threshold is told again only when the use has fallen well below it', () => {
  const { use, told } = setUp(80);
  use(80);
  told();
  use(79);
  use(80);
  assert.equal(told(), [undefined, undefined]);
  use(77);
  use(80);
  assert.equal(told(), [REACHED, REACHED]);
});

test('commands are free where nobody watches: no threshold, no bound, no thin medium', () => {
  assert.is(setUp(null).unit.onMediumCommand, null);
  assert.is(setUp(80, null).unit.onMediumCommand, null);
  const { unit } = setUp(80);
  assert.is.not(unit.onMediumCommand, null);
  unit.changeMedium(null);
  assert.is(unit.onMediumCommand, null);
});

test('the soft threshold can be changed, and what is stored already counts', () => {
  const { unit, use, told } = setUp(80);
  use(60);
  assert.equal(told(), [undefined, undefined]);
  unit.part(SpaceThreshold).setPercent(50);
  assert.is(unit.part(SpaceThreshold).percent, 50);
  use(60);
  assert.equal(told(), [REACHED, REACHED]);
});

test.run();
