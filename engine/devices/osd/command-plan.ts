import { ScsiStatus } from '../../scsi/status.js';
import type { CommandSlot } from '../../shm/command-slot.js';
import type { CommandDefinition } from './commands/definition.js';
import { attributeGeometry, endOf } from './protocol/attribute-request.js';
import { CommandFailure, type CommandFailure as Failure, invalidCdbField } from './protocol/command-failure.js';
import { CONTINUATION_LENGTH_MIN } from './protocol/continuation.js';
import { CDB, OPTION, OSD_CDB_LENGTH, OsdCdb, RESERVED_ISOLATIONS, TimestampsControl } from './protocol/osd-cdb.js';
import { CommandFunction, osdSense } from './protocol/osd-sense.js';
import { Capability, CapabilityFormat, SecurityMethod } from './security/capability.js';
import { DATA_IN_INTEGRITY_LENGTH, DATA_OUT_INTEGRITY_LENGTH, integrityOffset } from './security/data-integrity.js';

/** What the CDB alone tells of a command's data. */
export interface CommandPlan {
  readonly dataOutLengthBytes: number;
  readonly dataInLengthBytes: number;
}

const ISOLATION_BIT = 2;
const TIMESTAMPS_BIT = 7;

/** The CDB in memory of its own: that of the slot is shared, and what was judged must be what runs. */
export function cdbOf(command: CommandSlot): OsdCdb {
  return new OsdCdb(Uint8Array.from(command.cdb.subarray(0, OSD_CDB_LENGTH)));
}

/** Judges what can be judged without the store. Throws `CommandFailure`. */
export function planCommand(definition: CommandDefinition, cdb: OsdCdb, transferLengthBytesMax: number): CommandPlan {
  const isolation = cdb.options & OPTION.isolationMask;
  if (definition.optionsMask === undefined && RESERVED_ISOLATIONS.includes(isolation)) throw invalidCdbField(CDB.options, ISOLATION_BIT);
  const { timestampsControl } = cdb;
  if (timestampsControl !== TimestampsControl.update && timestampsControl !== TimestampsControl.bypass)
    throw invalidCdbField(CDB.timestampsControl, TIMESTAMPS_BIT);
  definition.check?.(cdb);
  const continuationBytes = definition.continues === true ? cdb.continuationLength : 0;
  if (continuationBytes !== 0 && (continuationBytes < CONTINUATION_LENGTH_MIN || continuationBytes % 8 !== 0)) throw invalidCdbField(CDB.continuationLength);
  const geometry = attributeGeometry(cdb);
  const dataOutBytes = continuationBytes + (definition.dataOutLength?.(cdb) ?? 0);
  const dataInBytes = definition.dataInLength?.(cdb) ?? 0;
  const plan = {
    dataOutLengthBytes: Math.max(
      dataOutBytes,
      endOf([geometry.getList, geometry.setData]),
      integrityEnd(cdb, CDB.dataOutIntegrityOffset, DATA_OUT_INTEGRITY_LENGTH),
    ),
    dataInLengthBytes: Math.max(dataInBytes, endOf([geometry.retrieved]), integrityEnd(cdb, CDB.dataInIntegrityOffset, DATA_IN_INTEGRITY_LENGTH)),
  };
  if (plan.dataOutLengthBytes > transferLengthBytesMax) throw invalidCdbField(dataOutBytes > transferLengthBytesMax ? CDB.length : CDB.attributes);
  if (definition.isDataInExact === true && dataInBytes > transferLengthBytesMax) throw invalidCdbField(CDB.length);
  if (geometry.retrieved !== null && geometry.retrieved.offsetBytes > transferLengthBytesMax) throw invalidCdbField(CDB.attributes);
  return plan;
}

/** Integrity information is there with ALLDATA only: the offsets mean nothing without. */
function integrityEnd(cdb: OsdCdb, at: typeof CDB.dataInIntegrityOffset | typeof CDB.dataOutIntegrityOffset, lengthBytes: number): number {
  const capability = new Capability(cdb.capability);
  if (capability.format === CapabilityFormat.none || capability.securityMethod !== SecurityMethod.allData) return 0;
  const offsetBytes = integrityOffset(cdb, at);
  return offsetBytes === null ? 0 : offsetBytes + lengthBytes;
}

/** Ends a command of which nothing has been done. */
export function failCommand(command: CommandSlot, cdb: OsdCdb, failure: Failure): void {
  const notInitiated = Object.values(CommandFunction).reduce((all, each) => (all | each) >>> 0, 0);
  const { sense } = osdSense(failure, { notInitiated, completed: 0, name: { partitionId: cdb.partitionId, objectId: cdb.objectId } }, false);
  setSense(command, ScsiStatus.checkCondition, sense);
}

export function setSense(command: CommandSlot, status: number, sense: Uint8Array): void {
  command.status = status;
  command.sense.set(sense);
  command.senseLength = sense.length;
}

/** What `plan` throws is how the command ends; other errors are defects. */
export function failing(command: CommandSlot, cdb: OsdCdb, work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof CommandFailure)) throw error;
    failCommand(command, cdb, error);
  }
}
