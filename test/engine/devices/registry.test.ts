import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { deviceKinds, mediumTypeNamed } from '../../../engine/devices/registry.js';
import { TargetError } from '../../../engine/errors.js';
import { deviceTypes } from '../../../engine/scsi/device-types.js';

test('workers find device types by name, and only by theirs', () => {
  assert.is(mediumTypeNamed('disk'), deviceTypes.disk);
  for (const name of ['floppy', 'toString', '']) {
    assert.throws(
      () => mediumTypeNamed(name),
      (error: unknown) => error instanceof TargetError && error.code === 'DEVICE_TYPE_UNKNOWN',
    );
  }
});

test('each kind of device has a name of its own, and its types have names that no other type has', async () => {
  const types = [...Object.values(deviceTypes), ...(await Promise.all(deviceKinds.map((kind) => kind.types()))).flat()];
  for (const names of [deviceKinds.map(({ name }) => name), types.map(({ name }) => name)]) assert.is(new Set(names).size, names.length, names.join());
});

test('types with medium commands are known to workers', async () => {
  for (const kind of deviceKinds) {
    for (const type of await kind.types()) {
      if (type.commands.rows.some(({ runsOn }) => runsOn === 'any')) assert.is(mediumTypeNamed(type.name), type);
    }
  }
});

test.run();
