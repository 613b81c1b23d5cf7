import type { Limits } from '../../limits.js';
import { Asc, SenseKey } from '../../scsi/sense-codes.js';
import { ScsiStatus } from '../../scsi/status.js';
import { type DeviceFacts, uint } from './attributes/attribute-page.js';
import { partitionTimestampBypass } from './attributes/timestamp-bypass.js';
import { attributeNames, attributePermissions, checkAttributes, getAttributes, setAttributes } from './commands/attribute-functions.js';
import { type CommandDefinition, changesBy } from './commands/definition.js';
import { commandDefinitions } from './commands/index.js';
import { MasterKeyExchange } from './commands/key-commands.js';
import { ListIdentifiers } from './commands/list-identifiers.js';
import { RunningCommand } from './commands/running-command.js';
import { attributeRequest, pieceOf } from './protocol/attribute-request.js';
import { CommandFailure, invalidCdbField, invalidListField, quotaError } from './protocol/command-failure.js';
import { parseContinuation } from './protocol/continuation.js';
import { DataIn } from './protocol/data-in.js';
import { CDB, OsdCdb, TimestampsControl } from './protocol/osd-cdb.js';
import { CommandFunction, osdSense } from './protocol/osd-sense.js';
import { SecurityMethod } from './security/capability.js';
import { checkDataOut, writeDataInIntegrity } from './security/data-integrity.js';
import { responseValue } from './security/integrity.js';
import { KeyStore } from './security/key-store.js';
import { SecurityCheck, type Validated } from './security/security-check.js';
import { type ObjectStore, ObjectStoreFault } from './store/object-store.js';

/** One command as it crosses to the thread. All memory may be shared. */
export interface OsdRequest {
  readonly cdb: Uint8Array;
  readonly dataOut: Uint8Array;
  /** Zeroed; as long as what the initiator takes of what the command may return. */
  readonly dataIn: Uint8Array;
  /** Of the I_T nexus: what CAPKEY signs. */
  readonly securityToken: Uint8Array;
}

export interface OsdOutcome {
  readonly status: number;
  readonly sense: Uint8Array;
  readonly dataInLengthBytes: number;
}

/** What the unit is called: known to the main thread once the unit is there. */
export interface OsdIdentity {
  readonly vendor: string;
  readonly product: string;
  readonly revision: string;
  readonly serial: string;
  readonly systemId: Uint8Array;
}

const BOOT_EPOCH_KEY = 'device/boot-epoch';
const BOOT_EPOCH_MAX = 0xffff;

/** What the thread of an OSD does: everything but what is said of the unit on the main thread. Methods block. */
export class OsdService {
  readonly #store: ObjectStore;
  readonly #facts: DeviceFacts & { -readonly [Key in keyof OsdIdentity]: OsdIdentity[Key] };
  readonly #security: SecurityCheck;
  readonly #keys: KeyStore;
  readonly #lists: ListIdentifiers;
  readonly #definitions: ReadonlyMap<number, CommandDefinition>;

  constructor(
    store: ObjectStore,
    options: { readonly nowMs: () => number; readonly defaultSecurityMethod: number; readonly isReadOnly: boolean; readonly limits: Limits },
  ) {
    this.#store = store;
    const bootEpoch = nextBootEpoch(store, options.isReadOnly);
    this.#facts = {
      vendor: '',
      product: '',
      revision: '',
      serial: '',
      systemId: new Uint8Array(20),
      nowMs: options.nowMs,
      bootEpoch,
      defaultSecurityMethod: options.defaultSecurityMethod,
      nonceCountMax: options.limits.osdNonceCountMax,
      collectionsPerObjectMax: options.limits.osdMembershipCountMax,
    };
    this.#security = new SecurityCheck(store, this.#facts);
    this.#keys = new KeyStore(store);
    this.#lists = new ListIdentifiers(options.limits.osdOpenListCountMax, bootEpoch * BOOT_EPOCH_MAX);
    this.#definitions = new Map(commandDefinitions(new MasterKeyExchange()).map((definition) => [definition.serviceAction, definition]));
  }

  identify(identity: OsdIdentity): void {
    Object.assign(this.#facts, identity);
  }

  capacity(): { readonly totalBytes: number; readonly usedBytes: number } {
    const { totalBytes, usedBytes } = this.#store.capacity();
    return { totalBytes: Number(totalBytes), usedBytes: Number(usedBytes) };
  }

  /** A quiet moment: answers whether there is more to be done. */
  maintain(): boolean {
    return this.#store.maintain();
  }

  close(): void {
    this.#store.close();
  }

  execute(given: OsdRequest): OsdOutcome {
    const request = { ...given, dataOut: plain(given.dataOut) };
    const cdb = new OsdCdb(plain(given.cdb));
    const dataIn = new DataIn(plain(given.dataIn));
    const progress = { completed: 0, notInitiated: ALL_FUNCTIONS, name: { partitionId: cdb.partitionId, objectId: cdb.objectId } };
    const done = (functions: number) => {
      progress.completed |= functions;
      progress.notInitiated &= ~functions;
    };
    let validated: Validated = { method: SecurityMethod.noSec, key: null };
    try {
      const definition = this.#definitions.get(cdb.serviceAction);
      if (definition === undefined) throw invalidCdbField(CDB.serviceAction);
      const command = this.#prepare(definition, cdb, request, dataIn, (found) => {
        validated = found;
      });
      done(CommandFunction.validation);
      this.#run(definition, command, done);
      if (command.flushAfter !== null) this.#store.flush(command.flushAfter);
      if (validated.method === SecurityMethod.allData && validated.key !== null) writeDataInIntegrity(cdb, dataIn, validated.key);
      if (command.recovered === null) return { status: ScsiStatus.good, sense: new Uint8Array(0), dataInLengthBytes: dataIn.lengthBytes };
      return { ...failed(cdb, command.recovered, progress, validated), dataInLengthBytes: dataIn.lengthBytes };
    } catch (error) {
      // Parts of Data-In that are there mean nothing without what did not happen.
      return { ...failed(cdb, failureOf(error), progress, validated), dataInLengthBytes: 0 };
    }
  }

  /** Everything that is judged before anything is done. */
  #prepare(definition: CommandDefinition, cdb: OsdCdb, request: OsdRequest, dataIn: DataIn, onValidated: (validated: Validated) => void): RunningCommand {
    definition.check?.(cdb);
    const attributes = attributeRequest(cdb, request.dataOut);
    const found = definition.object(cdb, this.#store);
    const demand = {
      kind: found.kind,
      name: found.name,
      creates: found.creates === true,
      permissions: definition.permissions(cdb) | attributePermissions(attributes),
      keyLevel: definition.keyLevel?.(cdb) ?? keyLevelOf(found.kind),
      range: definition.range?.(cdb) ?? null,
      attributes: attributeNames(attributes),
    };
    const validated = this.#security.validate(cdb, demand, request.securityToken);
    onValidated(validated);
    const continuationBytes = definition.continues === true ? cdb.continuationLength : 0;
    const data = pieceOf(request.dataOut, { offsetBytes: continuationBytes, lengthBytes: definition.dataOutLength?.(cdb) ?? 0 });
    if (validated.method === SecurityMethod.allData && validated.key !== null)
      checkDataOut(cdb, request.dataOut, continuationBytes + data.length, validated.key);
    const descriptors =
      continuationBytes === 0 ? [] : parseContinuation(pieceOf(request.dataOut, { offsetBytes: 0, lengthBytes: continuationBytes }), cdb.serviceAction);
    const environment = { store: this.#store, facts: this.#facts, keys: this.#keys, lists: this.#lists };
    return new RunningCommand({ environment, cdb, attributes, descriptors, data, dataIn, validated, target: found.name, kind: found.kind });
  }

  #run(definition: CommandDefinition, command: RunningCommand, done: (functions: number) => void): void {
    if (definition.attributeFunctions !== 'never') checkAttributes(command);
    const inTransaction = (of: CommandDefinition) =>
      this.#store.transaction(() => {
        if (this.#bypassesTimestamps(command)) this.#store.bypassTimestamps();
        runFunctions(of, command, done);
      });
    if (definition.standsAlone === true) {
      definition.run(command);
      done(CommandFunction.command);
      if (hasAttributeWork(command)) inTransaction({ ...definition, run: () => {} });
    } else if (changesBy(definition, command.cdb) || command.attributes.sets.length > 0) {
      inTransaction(definition);
    } else {
      runFunctions(definition, command, done);
    }
    done(CommandFunction.implicitAttributes);
  }

  /** TIMESTAMPS CONTROL of the CDB, or the partition's or root's own say. OSD-2 "Timestamps control". */
  #bypassesTimestamps(command: RunningCommand): boolean {
    return command.cdb.timestampsControl === TimestampsControl.bypass || partitionTimestampBypass(this.#store, command.target);
  }
}

/** The same memory, never as a Buffer, of which `slice` copies nothing. */
function plain({ buffer, byteOffset, byteLength }: Uint8Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

const ALL_FUNCTIONS = Object.values(CommandFunction).reduce((all, each) => (all | each) >>> 0, 0);

function hasAttributeWork({ attributes }: RunningCommand): boolean {
  return attributes.sets.length > 0 || attributes.get !== null;
}

/** The functions of a command in their order, OSD-2 "Command functions". */
function runFunctions(definition: CommandDefinition, command: RunningCommand, done: (functions: number) => void): void {
  const set = () => {
    setAttributes(command);
    done(CommandFunction.setAttributes);
  };
  const get = () => {
    getAttributes(command);
    done(CommandFunction.getAttributes);
  };
  const run = () => {
    definition.run(command);
    done(CommandFunction.command);
  };
  const order = {
    after: [run, set, get],
    before: [set, get, run],
    'get-first': [run, get, set],
    never: [run],
  } as const;
  for (const step of order[definition.attributeFunctions ?? 'after']) step();
}

function keyLevelOf(kind: 'root' | 'partition' | 'collection' | 'user') {
  return kind === 'root' || kind === 'partition' ? kind : 'working';
}

function nextBootEpoch(store: ObjectStore, isReadOnly: boolean): number {
  const kept = store.key(BOOT_EPOCH_KEY);
  const last = kept === null || kept.length !== 2 ? 0 : ((kept[0] as number) << 8) | (kept[1] as number);
  const next = (last % BOOT_EPOCH_MAX) + 1;
  if (!isReadOnly) store.setKey(BOOT_EPOCH_KEY, uint(next, 2));
  return next;
}

function failed(cdb: OsdCdb, failure: CommandFailure, progress: Parameters<typeof osdSense>[1], validated: Validated): Pick<OsdOutcome, 'status' | 'sense'> {
  const { key, method } = validated;
  const signs = key !== null && method >= SecurityMethod.cmdRsp;
  const { sense, integrityAt } = osdSense(failure, progress, signs);
  if (signs && integrityAt !== null) sense.set(responseValue(key, cdb.requestNonce, ScsiStatus.checkCondition, sense), integrityAt);
  return { status: ScsiStatus.checkCondition, sense };
}

/** What a fault of the store is as sense data; anything else is a defect, and goes on. */
function failureOf(error: unknown): CommandFailure {
  if (error instanceof CommandFailure) return error;
  if (!(error instanceof ObjectStoreFault)) throw error;
  switch (error.fault) {
    case 'not-found':
    case 'exists':
    case 'invalid-id':
    case 'wrong-kind':
      return invalidCdbField(CDB.objectId);
    case 'not-empty':
      return new CommandFailure(SenseKey.illegalRequest, Asc.partitionOrCollectionContainsUserObjects);
    case 'quota-length':
    case 'quota-capacity':
    case 'quota-count':
    case 'no-space':
      return quotaError();
    case 'limit':
      return new CommandFailure(SenseKey.illegalRequest, Asc.insufficientResources);
    case 'too-long':
      return invalidCdbField(CDB.length);
    case 'beyond-end':
      return invalidCdbField(CDB.startingByte);
    case 'already-member':
      return invalidListField(0);
    case 'medium-error':
      return new CommandFailure(SenseKey.mediumError, Asc.unrecoveredReadError);
    case 'read-only':
      return new CommandFailure(SenseKey.dataProtect, Asc.writeProtected);
    default:
      return error.fault satisfies never;
  }
}
