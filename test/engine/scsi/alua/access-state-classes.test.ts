import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { AccessStateClass } from '../../../../engine/scsi/command-table.js';
import { deviceTypes } from '../../../../engine/scsi/device-types.js';

/**
 * SPC-4 "Standby state" and "Unavailable state" list the commands that run there; of those in `transitioning` the standard wants INQUIRY, REPORT LUNS,
 * REQUEST SENSE, and we add the one that tells of the transition. READ CAPACITY and the reports of the device server on itself go beyond the list, which
 * allows it: initiators that find a path in standby want to know the disk. An opcode with service actions stands for all of them.
 */
const classes: Readonly<Record<Exclude<AccessStateClass, 'active'>, readonly string[]>> = {
  transitioning: ['03', '12', 'a0', 'a3/0a'],
  unavailable: ['3b', '3c', 'a4/0a'],
  standby: ['15', '1a', '1c', '1d', '25', '4c', '4d', '55', '5a', '5e', '5f', '9e/10', 'a3/0c', 'a3/0d', 'a3/0f'],
};

const hexOf = (value: number) => value.toString(16).padStart(2, '0');

test('each command of the disk runs in the access states in which SPC-4 wants it to, and no other does', () => {
  const wrong: string[] = [];
  for (const { opcode, serviceAction, name, accessState = 'active' } of deviceTypes.disk.commands.rows) {
    const names = [hexOf(opcode), serviceAction === undefined ? '' : `${hexOf(opcode)}/${hexOf(serviceAction)}`];
    const expected = (Object.keys(classes) as (keyof typeof classes)[]).find((key) => classes[key].some((listed) => names.includes(listed))) ?? 'active';
    if (accessState !== expected) wrong.push(`${name} is of the class ${accessState}, not ${expected}`);
  }
  assert.equal(wrong, []);
});

test.run();
