import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { jumpNumber } from '../../../../../engine/devices/tape/image/jump-number.js';

test('jumps are those of an applicative random-access stack', () => {
  const jumps = [0];
  for (let n = 1; n < 5000; n++) {
    const p = n - 1;
    const j1 = jumps[p] as number;
    const j2 = jumps[j1] as number;
    jumps.push(p - j1 === j1 - j2 && p > 0 ? j2 : p);
  }
  assert.equal(
    jumps.map((_, n) => jumpNumber(n)),
    jumps,
  );
});

test('a jump goes back, and far numbers take few of them', () => {
  for (const far of [2 ** 20, 2 ** 40 + 12345, Number.MAX_SAFE_INTEGER]) {
    let steps = 0;
    for (let at = far; at > 0; at = jumpNumber(at)) {
      assert.ok(jumpNumber(at) < at);
      steps++;
    }
    assert.ok(steps <= 2 * 53, `${steps} from ${far}`);
  }
});

test.run();
