import { Asc, SenseKey } from '../../../scsi/sense-codes.js';
import { viewOf } from '../protocol/attribute-list.js';
import { CommandFailure, invalidCdbField, invalidListField, listLengthError } from '../protocol/command-failure.js';
import { CDB, type OsdCdb } from '../protocol/osd-cdb.js';
import { ServiceAction } from '../protocol/service-action.js';
import { Permission } from '../security/capability.js';
import { DeviceExchange, DH_DATA_LENGTH, DH_GROUP_2048 } from '../security/diffie-hellman.js';
import { isEqual } from '../security/integrity.js';
import { deriveKey, deriveWorkingKey } from '../security/key-change.js';
import { KEY_IDENTIFIER_LENGTH, keyName, type SecretKey } from '../security/key-store.js';
import type { CommandDefinition } from './definition.js';
import { thePartition, theRoot } from './objects.js';
import type { RunningCommand } from './running-command.js';

/*
 * SET KEY, OSD-2 "SET KEY command": bits 1-0 of byte 11 say which.
 *
 *     16| Partition ID (8)
 *     24| Reserved . Key Version | Key Identifier (7)
 *     32/ Seed (20)
 */
const KEY_TO_SET_MASK = 0x03;
const KEY_TO_SET_BIT = 1;
const KeyToSet = { root: 1, partition: 2, working: 3 } as const;
const KEY_VERSION_AT = 24;
const KEY_VERSION_MASK = 0x0f;
const KEY_IDENTIFIER_AT = 25;
const SEED_AT = 32;
const SEED_LENGTH = 20;

const keyToSet = (cdb: OsdCdb) => cdb.specific & KEY_TO_SET_MASK;
const identifierOf = (cdb: OsdCdb) => cdb.bytes.slice(KEY_IDENTIFIER_AT, KEY_IDENTIFIER_AT + KEY_IDENTIFIER_LENGTH);

function setKey({ cdb, environment: { keys } }: RunningCommand): void {
  const seed = cdb.bytes.subarray(SEED_AT, SEED_AT + SEED_LENGTH);
  const above = (name: string): SecretKey => {
    const key = keys.get(name);
    if (key === null) throw new CommandFailure(SenseKey.illegalRequest, Asc.commandSequenceError);
    return key;
  };
  switch (keyToSet(cdb)) {
    case KeyToSet.root:
      keys.set(keyName.root, deriveKey(above(keyName.master).generation, seed, identifierOf(cdb)));
      return;
    case KeyToSet.partition:
      keys.set(keyName.partition(cdb.partitionId), deriveKey(above(keyName.root).generation, seed, identifierOf(cdb)));
      // Working keys were made of the key that is gone.
      keys.forgetPartition(cdb.partitionId, 'working');
      return;
    default: {
      const version = (cdb.bytes[KEY_VERSION_AT] as number) & KEY_VERSION_MASK;
      keys.set(keyName.working(cdb.partitionId, version), deriveWorkingKey(above(keyName.partition(cdb.partitionId)).generation, seed, identifierOf(cdb)));
    }
  }
}

/*
 * SET MASTER KEY, OSD-2 "SET MASTER KEY command": bits 1-0 of byte 11 are the step, 24: Reserved | Key Identifier (7), 32: parameter list length,
 * 36: allocation length.
 *
 *     seed exchange:      0| Reserved (3) | DH_Group | DH_Data Length (4) | DH_Data          answered by  0| DH_Data Length (4) | DH_Data
 *     change master key:  0| Application client DH_Data Length (4) | DH_Data | device server DH_Data Length (4) | DH_Data
 */
const DH_STEP_MASK = 0x03;
const DH_STEP_BIT = 1;
const DhStep = { seedExchange: 0, changeMasterKey: 1 } as const;
const PARAMETER_LIST_LENGTH_AT = 32;
const ALLOCATION_LENGTH_AT = 36;
const LENGTH_BYTES = 4;
const SEED_HEADER_LENGTH = 8;
const CHANGE_LIST_LENGTH = 2 * (LENGTH_BYTES + DH_DATA_LENGTH);

const parameterListLength = (cdb: OsdCdb) => cdb.view.getUint32(PARAMETER_LIST_LENGTH_AT);
const allocationLength = (cdb: OsdCdb) => cdb.view.getUint32(ALLOCATION_LENGTH_AT);

/** The exchange that the last seed exchange has begun: one at a time, and it does not outlive the device's thread. */
export class MasterKeyExchange {
  exchange: DeviceExchange | null = null;
}

function seedExchange(command: RunningCommand, state: MasterKeyExchange): void {
  const { data } = command;
  if (data.length < SEED_HEADER_LENGTH) throw listLengthError();
  if (data[3] !== DH_GROUP_2048) throw invalidListField(3);
  const lengthBytes = viewOf(data).getUint32(4);
  if (lengthBytes !== DH_DATA_LENGTH) throw invalidListField(4);
  if (data.length < SEED_HEADER_LENGTH + lengthBytes) throw listLengthError();
  state.exchange = new DeviceExchange(data.slice(SEED_HEADER_LENGTH, SEED_HEADER_LENGTH + lengthBytes));
  const answer = new Uint8Array(LENGTH_BYTES + DH_DATA_LENGTH);
  viewOf(answer).setUint32(0, DH_DATA_LENGTH);
  answer.set(state.exchange.publicValue, LENGTH_BYTES);
  command.dataIn.setData(answer, allocationLength(command.cdb));
}

function changeMasterKey(command: RunningCommand, state: MasterKeyExchange): void {
  const { data, cdb, environment } = command;
  const { exchange } = state;
  if (exchange === null) throw new CommandFailure(SenseKey.illegalRequest, Asc.commandSequenceError);
  if (data.length < CHANGE_LIST_LENGTH) throw listLengthError();
  const deviceAt = LENGTH_BYTES + DH_DATA_LENGTH;
  if (viewOf(data).getUint32(0) !== DH_DATA_LENGTH || !isEqual(data.subarray(LENGTH_BYTES, deviceAt), exchange.peerValue)) throw invalidListField(0);
  if (viewOf(data).getUint32(deviceAt) !== DH_DATA_LENGTH || !isEqual(data.subarray(deviceAt + LENGTH_BYTES, CHANGE_LIST_LENGTH), exchange.publicValue))
    throw invalidListField(deviceAt);
  const secret = exchange.secret();
  state.exchange = null;
  if (secret === null) throw invalidListField(LENGTH_BYTES);
  // The first master key comes of the exchange alone; each later one of its predecessor as well, which who changes it has to know.
  const above = environment.keys.get(keyName.master)?.generation ?? new Uint8Array(SEED_LENGTH);
  environment.keys.set(keyName.master, deriveKey(above, secret, identifierOf(cdb)));
}

/** The definitions of one device: an exchange has a state of its own. */
export function keyCommands(state: MasterKeyExchange): readonly CommandDefinition[] {
  return [
    {
      serviceAction: ServiceAction.setKey,
      name: 'SET KEY',
      optionsMask: 0,
      specificMask: KEY_TO_SET_MASK,
      fields: [
        [CDB.partitionId, 8],
        [KEY_VERSION_AT, 8],
        [SEED_AT, SEED_LENGTH],
      ],
      changes: true,
      check(cdb) {
        if (keyToSet(cdb) === 0) throw invalidCdbField(CDB.specific, KEY_TO_SET_BIT);
        if (keyToSet(cdb) === KeyToSet.root && cdb.partitionId !== 0n) throw invalidCdbField(CDB.partitionId);
      },
      object: (cdb, store) => (keyToSet(cdb) === KeyToSet.root ? theRoot() : thePartition(cdb, store)),
      permissions: () => Permission.policySecurity,
      keyLevel: (cdb) => (keyToSet(cdb) === KeyToSet.root ? 'master' : keyToSet(cdb) === KeyToSet.partition ? 'root' : 'partition'),
      run: setKey,
    },
    {
      serviceAction: ServiceAction.setMasterKey,
      name: 'SET MASTER KEY',
      optionsMask: 0,
      specificMask: DH_STEP_MASK,
      fields: [
        [KEY_IDENTIFIER_AT, KEY_IDENTIFIER_LENGTH],
        [PARAMETER_LIST_LENGTH_AT, 4],
        [ALLOCATION_LENGTH_AT, 4],
      ],
      changes: true,
      check(cdb) {
        if ((cdb.specific & DH_STEP_MASK) > DhStep.changeMasterKey) throw invalidCdbField(CDB.specific, DH_STEP_BIT);
      },
      dataOutLength: parameterListLength,
      dataInLength: allocationLength,
      object: theRoot,
      permissions: () => Permission.policySecurity,
      keyLevel: () => 'master',
      run: (command) => ((command.cdb.specific & DH_STEP_MASK) === DhStep.seedExchange ? seedExchange : changeMasterKey)(command, state),
    },
  ];
}
