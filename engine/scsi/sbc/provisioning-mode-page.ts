import type { LogicalUnit } from '../logical-unit.js';
import type { ModePage } from '../spc/mode-page.js';
import { isSamePage } from '../spc/mode-page.js';
import { SpaceThreshold } from './space-threshold.js';
import { thresholdExponentOf } from './threshold-sets.js';

/*
 * Logical Block Provisioning mode page, SBC-3 "Logical Block Provisioning mode page", behind its header, with one threshold descriptor:
 *
 *      0| Reserved                                     SITUA |
 *      1| Reserved (11)                                      |
 *     12| ENABLED . THRESHOLD TYPE (3) THRESHOLD ARMING (3)  |
 *     13| THRESHOLD RESOURCE                                 |
 *     14| Reserved (2)                                       |
 *     16| THRESHOLD COUNT (4)                                |
 */
const PAGE_LENGTH = 20;
const DESCRIPTOR_AT = 12;
const ENABLED_BIT = 0x80;
/** THRESHOLD TYPE 000b is a soft threshold; THRESHOLD ARMING 001b: it is met when the resource grows. */
const SOFT_AND_GROWING = 0x01;
const RESOURCE_AT = 13;
/** Used LBA mapping resources. */
const USED_RESOURCES = 0x02;
const COUNT_AT = 16;
const COUNT_MAX = 0xffffffff;
const PERCENT = 100;

/** How many threshold sets the space of the unit has, not rounded; null where nothing bounds it, so that no share of it can be told. */
function setsOf({ medium }: LogicalUnit): number | null {
  const spaceBytes = medium?.thin === true ? (medium.store.provisioning?.spaceBytes ?? null) : null;
  if (medium === null || spaceBytes === null || spaceBytes === 0) return null;
  return spaceBytes / (2 ** thresholdExponentOf(medium) * medium.blockLengthBytes);
}

function defaults(unit: LogicalUnit): Uint8Array {
  const parameters = new Uint8Array(PAGE_LENGTH);
  const percent = unit.part(SpaceThreshold).configuredPercent;
  parameters[DESCRIPTOR_AT] = SOFT_AND_GROWING | (percent === null ? 0 : ENABLED_BIT);
  parameters[RESOURCE_AT] = USED_RESOURCES;
  const count = Math.round(((percent ?? 0) / PERCENT) * (setsOf(unit) ?? 0));
  new DataView(parameters.buffer).setUint32(COUNT_AT, Math.min(count, COUNT_MAX));
  return parameters;
}

/** Thin units whose space has a bound have one soft threshold, which the configuration gives and MODE SELECT may move or turn off. */
export const provisioningModePage: ModePage = {
  code: 0x1c,
  subpage: 0x02,
  isThere: (unit) => setsOf(unit) !== null,
  defaults,
  changeable() {
    const mask = new Uint8Array(PAGE_LENGTH);
    mask[DESCRIPTOR_AT] = ENABLED_BIT;
    mask.fill(0xff, COUNT_AT, COUNT_AT + 4);
    return mask;
  },
  apply(parameters, unit) {
    const threshold = unit.part(SpaceThreshold);
    const sets = setsOf(unit);
    // The share as it was configured, and not what counting in sets makes of it.
    if (sets === null || isSamePage(parameters, defaults(unit))) threshold.setPercent(undefined);
    else if (((parameters[DESCRIPTOR_AT] as number) & ENABLED_BIT) === 0) threshold.setPercent(null);
    else threshold.setPercent((new DataView(parameters.buffer, parameters.byteOffset).getUint32(COUNT_AT) / sets) * PERCENT);
  },
};
