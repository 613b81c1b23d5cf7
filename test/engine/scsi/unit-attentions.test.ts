import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ITNexus } from '../../../engine/scsi/it-nexus.js';
import { Asc } from '../../../engine/scsi/sense.js';
import { UNIT_ATTENTION_COUNT_MAX, UnitAttentions } from '../../../engine/scsi/unit-attentions.js';

const HANDLE = 7;
const nexus: ITNexus = { id: 1, initiatorPortName: 'a', targetPortName: 't', relativeTargetPortIdentifier: 1 };
const other: ITNexus = { ...nexus, id: 2 };

/** All that is reported to the nexus, in its order; nothing is pending then. */
function reported(attentions: UnitAttentions, to: ITNexus = nexus): number[] {
  const codes: number[] = [];
  for (let next = attentions.take(to); next !== undefined; next = attentions.take(to)) codes.push(next.asc);
  assert.equal(attentions.pendingOf(to), []);
  return codes;
}

function withPending(...codes: number[]): UnitAttentions {
  const attentions = new UnitAttentions(HANDLE);
  for (const asc of codes) attentions.establish(nexus.id, asc);
  return attentions;
}

test('conditions are reported oldest first, each once, to their nexus only', () => {
  const attentions = withPending(Asc.reportedLunsDataHasChanged, Asc.commandsClearedByAnotherInitiator, Asc.reportedLunsDataHasChanged);
  attentions.establish(other.id, Asc.mediumMayHaveChanged);
  assert.equal(reported(attentions, other), [Asc.mediumMayHaveChanged]);
  assert.not.ok(attentions.isClearFor(nexus));
  assert.equal(reported(attentions), [Asc.reportedLunsDataHasChanged, Asc.commandsClearedByAnotherInitiator]);
});

test('a reset settles what was pending before it, but not what comes behind it (SAM-5 §5.14)', () => {
  for (const asc of [Asc.powerOnOccurred, Asc.powerOnOrReset, Asc.busDeviceResetFunctionOccurred, Asc.itNexusLossOccurred]) {
    const attentions = withPending(Asc.reportedLunsDataHasChanged, Asc.mediumMayHaveChanged, asc, Asc.commandsClearedByAnotherInitiator);
    assert.equal(reported(attentions), [asc, Asc.commandsClearedByAnotherInitiator]);
  }
});

test('of several resets the widest is reported, whatever their order', () => {
  const resets = [Asc.powerOnOccurred, Asc.busDeviceResetFunctionOccurred, Asc.itNexusLossOccurred];
  for (const [at, wide] of resets.entries()) {
    for (const narrow of resets.slice(at)) {
      assert.equal(reported(withPending(wide, narrow)), [wide]);
      assert.equal(reported(withPending(narrow, wide)), [wide]);
      assert.equal(reported(withPending(wide, Asc.mediumMayHaveChanged, narrow)), [wide], 'and settles what came between them');
    }
  }
});

test('what a new nexus is told first comes before all others and settles resets since its login, but for wider ones, which settle it', () => {
  const fresh: ITNexus = { ...nexus, firstAttention: { asc: Asc.powerOnOrReset, toldHandles: new Set() } };
  const attentions = withPending(Asc.busDeviceResetFunctionOccurred, Asc.mediumMayHaveChanged);
  const pending = [Asc.powerOnOrReset, Asc.mediumMayHaveChanged];
  assert.equal(
    attentions.pendingOf(fresh).map(({ asc }) => asc),
    pending,
  );
  assert.equal(reported(attentions, fresh), pending);
  const lost: ITNexus = { ...nexus, firstAttention: { asc: Asc.itNexusLossOccurred, toldHandles: new Set() } };
  const wider = withPending(Asc.busDeviceResetFunctionOccurred, Asc.mediumMayHaveChanged);
  assert.equal(
    wider.pendingOf(lost).map(({ asc }) => asc),
    [Asc.busDeviceResetFunctionOccurred, Asc.mediumMayHaveChanged],
  );
  assert.equal(reported(wider, lost), [Asc.busDeviceResetFunctionOccurred, Asc.mediumMayHaveChanged], 'wider');
});

test('the queue is bounded, and a reset always finds room', () => {
  const attentions = new UnitAttentions(HANDLE);
  for (let code = 0; code < 3 * UNIT_ATTENTION_COUNT_MAX; code++) attentions.establish(nexus.id, 0x8000 + code);
  assert.is(attentions.pendingOf(nexus).length, UNIT_ATTENTION_COUNT_MAX);
  attentions.establish(nexus.id, Asc.busDeviceResetFunctionOccurred);
  assert.equal(reported(attentions), [Asc.busDeviceResetFunctionOccurred]);
});

test('a condition can be cleared by what reports it, and all of a nexus that is gone are forgotten', () => {
  const attentions = withPending(Asc.reportedLunsDataHasChanged, Asc.mediumMayHaveChanged);
  attentions.clear(nexus, Asc.reportedLunsDataHasChanged);
  attentions.clear(other, Asc.mediumMayHaveChanged);
  assert.equal(reported(attentions), [Asc.mediumMayHaveChanged]);
  attentions.establish(nexus.id, Asc.mediumMayHaveChanged);
  attentions.forget(nexus);
  assert.ok(attentions.isClearFor(nexus));
});

test.run();
