import { TaskManagementFunction } from '../../engine/pdu/index.js';
import type { TaskSet } from '../../engine/task/task-set.js';
import { type Answer, NexusClient, type Port, type Wanted } from './nexus-client.js';
import { check, good, invalidInCdb, invalidInList, type Outcome, outcomeText, Status } from './reference-outcome.js';
import { Action, type NexusName, nexusName } from './reference-reservations.js';
import { ReferenceTarget } from './reference-target.js';
import { Attention, defaultModes, type Entry, type OpenTask, type ReferenceUnit } from './reference-unit.js';
import { readFullStatus, readKeys, readReservation } from './unit-answers.js';
import * as cdbs from './unit-cdbs.js';
import { ports, type SimpleKind, type UnitOperation } from './unit-operations.js';
import { BLOCK, KeptState, LUN_COUNT, REMOVABLE_LUN, targetPorts, UnitRig } from './unit-rig.js';

type Of<Kind extends UnitOperation['kind']> = UnitOperation & { readonly kind: Kind };

/** More than anybody has queued. */
const SENSE_COUNT_MAX = 20;

/** HARDWARE ERROR, INTERNAL TARGET FAILURE: what was asked for has not happened. */
const savingFailed = check(4, 0x4400);

/** Does the operations to the engine and to the reference, and compares what can be seen after each. */
export class UnitScenario {
  readonly #state: KeptState | null;
  readonly #reference: ReferenceTarget;
  #rig: UnitRig;
  #clients = new Map<number, NexusClient>();
  #tagOf = new Map<number, number>();
  #faults: string[] = [];

  constructor(isKept: boolean) {
    this.#state = isKept ? new KeptState() : null;
    this.#rig = new UnitRig(this.#state);
    this.#reference = new ReferenceTarget(LUN_COUNT, targetPorts, isKept);
  }

  /** Answers what differed first, or null. */
  async faultOf(operations: readonly UnitOperation[]): Promise<string | null> {
    for (const operation of operations) {
      await this.#perform(operation);
      await this.#settle();
      this.#compareQueues();
      if (this.#faults.length > 0) return `after ${JSON.stringify(operation)}:\n  ${this.#faults.join('\n  ')}`;
    }
    for (const lun of Array(LUN_COUNT).keys()) await this.#probeAll(lun);
    await this.#settle();
    for (const at of Array.from(this.#clients.keys())) await this.#perform({ kind: 'logout', at });
    this.#rig.assertSound(0);
    return this.#faults.length === 0 ? null : `when asked at the end:\n  ${this.#faults.join('\n  ')}`;
  }

  async #perform(operation: UnitOperation): Promise<void> {
    switch (operation.kind) {
      case 'login':
        return this.#login(operation.at);
      case 'logout':
      case 'drop':
        return this.#leave(operation.kind, operation.at);
      case 'restart':
        return this.#restart();
      case 'failSave':
        if (this.#state !== null) this.#state.isFailing = true;
        return;
    }
    const client = this.#clients.get(operation.at);
    if (client === undefined) return;
    const unit = this.#reference.unit(operation.lun);
    const nexus = nameOf(operation.at);
    switch (operation.kind) {
      case 'open':
        return this.#open(operation, client, unit, nexus);
      case 'data':
        return this.#sendData(operation, client, unit, nexus);
      case 'manage':
        return this.#manage(operation, client, nexus);
      case 'out':
        return this.#reserveOut(operation, unit, nexus);
      case 'in':
        return this.#reserveIn(operation, unit);
      case 'modes':
        return this.#modeSense(operation, unit);
      case 'select':
        return this.#modeSelect(operation, unit, nexus);
      case 'prevent': {
        const { isAllowed } = operation;
        const cdb = cdbs.cdbOf([0x1e, 0, 0, 0, isAllowed ? 0 : 1, 0], operation.naca);
        await this.#command(operation, { cdb }, { access: isAllowed ? 'always' : 'write', passesNotReady: true }, () => {
          if (isAllowed) unit.preventing.delete(nexus);
          else unit.preventing.add(nexus);
          return good;
        });
        return;
      }
      default:
        return this.#simple(operation, unit, nexus);
    }
  }

  #login(at: number): void {
    // A session of the same nexus makes way.
    this.#clients.set(at, new NexusClient(this.#rig, ports[at] as Port));
    this.#reference.login(nameOf(at));
  }

  #leave(kind: 'logout' | 'drop', at: number): void {
    const client = this.#clients.get(at);
    if (client === undefined) return;
    if (kind === 'logout') client.initiator.logout();
    else client.initiator.transport.destroy();
    client.initiator.transport.output.take();
    client.initiator.transport.output.flush();
    this.#clients.delete(at);
    this.#reference.logout(nameOf(at));
  }

  #restart(): void {
    for (const client of this.#clients.values()) client.initiator.transport.destroy();
    this.#rig.assertSound(0);
    this.#clients.clear();
    this.#rig = new UnitRig(this.#state);
    this.#reference.restart();
  }

  /** Sends a command, asks the reference what it ends with, and compares. Answers what the engine said when both say GOOD. */
  async #command(
    { at, lun, naca = false, aca = false }: { at: number; lun: number; naca?: boolean; aca?: boolean },
    wanted: Omit<Wanted, 'lun' | 'attribute'>,
    entry: Entry,
    effect: () => Outcome,
  ): Promise<Answer | null> {
    const client = this.#clients.get(at) as NexusClient;
    const unit = this.#reference.unit(lun);
    const nexus = nameOf(at);
    const whole = { ...entry, naca, acaAttribute: aca };
    const { descriptorSense } = unit.modes;
    const expected = unit.refusal(nexus, whole) ?? effect();
    unit.afterEnd(nexus, expected, whole);
    const answer = await client.command({ ...wanted, lun, attribute: aca ? 4 : 1 });
    const said = outcomeText(answer);
    if (said !== outcomeText(expected)) this.#fault(`nexus ${at} was told ${said}, and should be told ${outcomeText(expected)}`);
    if (answer.status === Status.checkCondition && answer.isDescriptor !== descriptorSense) this.#fault('the sense data has the wrong format');
    return said === outcomeText(expected) && answer.status === Status.good ? answer : null;
  }

  #fault(text: string): void {
    this.#faults.push(text);
  }

  async #simple(operation: Of<SimpleKind>, unit: ReferenceUnit, nexus: NexusName): Promise<void> {
    const { kind } = operation;
    // What becomes of commands whose medium goes while their data is on its way is a matter of its own.
    if ((kind === 'eject' || kind === 'stop' || kind === 'idle' || kind === 'standby') && unit.tasks.length > 0) return;
    // A drive for removable media is put into standby, not stopped.
    if (kind === 'stop' && unit.lun === REMOVABLE_LUN) return;
    const [dataOutLength, dataInLength] = [cdbs.dataOutLengths[kind], cdbs.dataInLengths[kind]];
    const wanted = {
      cdb: cdbs.cdbOf(cdbs.simpleCdbs[kind], operation.naca),
      ...(dataOutLength === undefined ? {} : { dataOut: new Uint8Array(dataOutLength) }),
      ...(dataInLength === undefined ? {} : { dataInLength }),
    };
    if (kind === 'sense') return this.#requestSense(operation, wanted, unit, nexus);
    await this.#command(operation, wanted, entryOf(kind), () => effectOf(kind, unit, nexus));
  }

  async #requestSense(operation: Of<SimpleKind>, wanted: Omit<Wanted, 'lun'>, unit: ReferenceUnit, nexus: NexusName): Promise<void> {
    let expected: Outcome = good;
    const answer = await this.#command(operation, wanted, { access: 'always', passesAttention: true, passesNotReady: true }, () => {
      const asc = unit.attentions.get(nexus)?.shift();
      if (asc !== undefined) expected = { status: Status.checkCondition, key: 6, asc };
      else if (!unit.hasMedium) expected = { status: Status.checkCondition, key: 2, asc: 0x3a00 };
      else if (unit.isStopped) expected = { status: Status.checkCondition, key: 2, asc: 0x0402 };
      else if (unit.lowPower !== 0) expected = { status: Status.checkCondition, key: 0, asc: unit.lowPower };
      return good;
    });
    if (answer === null) return;
    const [key, asc] = [(answer.data[2] as number) & 0x0f, answer.data.readUInt16BE(12)];
    if (key !== (expected.key ?? 0) || asc !== (expected.asc ?? 0))
      this.#fault(`REQUEST SENSE of nexus ${operation.at} has ${key}/${asc.toString(16)}, not ${outcomeText(expected)}`);
  }

  async #reserveOut(operation: Of<'out'>, unit: ReferenceUnit, nexus: NexusName): Promise<void> {
    const { action } = operation;
    const port = ports[operation.at] as Port;
    const portNames = (operation.specified ?? []).map((at) => cdbs.initiatorPortOf(ports[at] as Port));
    const request = {
      ...operation,
      key: BigInt(operation.key),
      serviceActionKey: BigInt(operation.serviceActionKey),
      initiatorPorts: action === Action.registerAndMove || operation.specified === null ? null : portNames,
      destination: { initiatorPort: cdbs.initiatorPortOf(ports[operation.destination] as Port), targetPort: operation.destinationPort },
    };
    const entry: Entry = { access: 'persistent', isPersistentReserve: true, passesNotReady: true, isPreemptAndAbort: action === Action.preemptAndAbort };
    await this.#command(operation, cdbs.reserveOut(operation, operation.naca), entry, () => {
      const by = { initiatorPort: cdbs.initiatorPortOf(port), targetPort: port.targetPort };
      const after = unit.reservations.copy();
      const { outcome, notices, aborted } = after.reserveOut(by, request);
      if (!after.isSame(unit.reservations) && (after.aptpl || unit.reservations.aptpl) && this.#failsToSave()) return savingFailed;
      unit.reservations.take(after);
      for (const { nexus: told, asc, isOfRelease } of notices) if (!(isOfRelease === true && unit.modes.noReleaseAttention)) unit.establish(told, asc);
      if (outcome === good && aborted.length > 0) {
        unit.abort((task) => aborted.includes(task.nexus), nexus);
        unit.clearAca((faulted) => aborted.includes(faulted));
        for (const each of aborted) unit.preventing.delete(each);
      }
      return outcome;
    });
  }

  async #reserveIn(operation: Omit<Of<'in'>, 'kind'>, { reservations }: ReferenceUnit): Promise<void> {
    const { action } = operation;
    const wanted = { cdb: cdbs.cdbOf([0x5e, action, 0, 0, 0, 0, 0, 0x10, 0, 0], operation.naca), dataInLength: 0x1000 };
    const answer = await this.#command(operation, wanted, { access: 'persistent', isPersistentReserve: true, passesNotReady: true }, () => good);
    if (answer === null) return;
    const read = [readKeys, readReservation, null, readFullStatus][action] ?? null;
    if (read !== null) {
      for (const fault of read(answer.data, reservations)) this.#fault(fault);
      return;
    }
    const [capable, active] = [((answer.data[2] as number) & 1) !== 0, ((answer.data[3] as number) & 1) !== 0];
    // With nothing to keep there is nothing to tell.
    const isActive = reservations.keys.size === 0 ? active : reservations.aptpl;
    if (capable !== (this.#state !== null) || active !== isActive) this.#fault(`PTPL_C is ${capable} and PTPL_A ${active}`);
  }

  #failsToSave(): boolean {
    const fails = this.#state?.isFailing === true;
    return fails;
  }

  async #modeSense(operation: Omit<Of<'modes'>, 'kind'>, unit: ReferenceUnit): Promise<void> {
    const cannotSave = operation.control === 3 && this.#state === null;
    const expected = operation.control === 0 ? unit.modes : operation.control === 2 ? defaultModes : unit.saved;
    for (const code of [0x0a, 0x08]) {
      const wanted = { cdb: cdbs.cdbOf([0x1a, 8, (operation.control << 6) | code, 0, 255, 0], operation.naca), dataInLength: 255 };
      const outcome: Outcome = cannotSave ? { status: Status.checkCondition, key: 5, asc: 0x3900 } : good;
      const answer = await this.#command(operation, wanted, { access: 'read', passesNotReady: true }, () => outcome);
      if (answer === null) continue;
      const isSaveable = this.#state !== null && (code === 0x0a || unit.hasMedium);
      const cache = unit.hasMedium && expected.writeCache;
      const page = code === 0x0a ? cdbs.controlPageBytes(expected, isSaveable) : cdbs.cachingPageBytes(cache, isSaveable);
      const found = answer.data.subarray(4);
      if (Buffer.compare(found, page) !== 0)
        this.#fault(`mode page ${code.toString(16)} is ${found.toString('hex')}, not ${Buffer.from(page).toString('hex')}`);
      const isProtected = ((answer.data[2] as number) & 0x80) !== 0;
      if (isProtected !== unit.modes.writeProtect) this.#fault(`WP is ${isProtected}`);
    }
  }

  async #modeSelect(operation: Of<'select'>, unit: ReferenceUnit, nexus: NexusName): Promise<void> {
    // Without a medium the Caching mode page has nothing that could be changed.
    const writeCache = unit.hasMedium ? operation.writeCache : null;
    const { saves } = operation;
    let { values } = operation;
    // What becomes of an ACA condition when the task sets change is vendor specific.
    if (values !== null && (unit.acas.size > 0 || unit.tasks.length > 0)) values = { ...values, perNexus: unit.modes.perNexus };
    const pages = [...(writeCache === null ? [] : [cdbs.cachingPageBytes(writeCache)]), ...(values === null ? [] : [cdbs.controlPageBytes(values)])];
    const wanted = cdbs.modeSelect(operation.isLong, saves, pages, operation.fault, operation.naca);
    await this.#command(operation, wanted, { access: 'write', passesNotReady: true }, () => {
      if (saves && this.#state === null) return invalidInCdb;
      if (operation.fault !== null) return operation.fault === 'page' ? invalidInList : check(5, 0x1a00);
      if (saves && this.#failsToSave()) return savingFailed;
      const after = { ...unit.modes, ...values, ...(writeCache === null ? {} : { writeCache }) };
      const isChanged = JSON.stringify(after) !== JSON.stringify(unit.modes);
      unit.modes = after;
      if (saves) unit.saved = unit.hasMedium ? after : { ...after, writeCache: unit.saved.writeCache };
      if (isChanged) unit.tell(Attention.modesChanged, nexus);
      return good;
    });
  }

  async #open({ lun, at }: Of<'open'>, client: NexusClient, unit: ReferenceUnit, nexus: NexusName): Promise<void> {
    const entry: Entry = { access: 'write', writes: true, wantsMedium: true };
    const expected = unit.refusal(nexus, entry);
    const { tag, answer } = client.openWrite({ lun, cdb: cdbs.cdbOf(cdbs.simpleCdbs.open, false), lengthBytes: BLOCK });
    if (expected === null) {
      const id = ++this.#lastId;
      unit.tasks.push({ id, nexus, order: unit.orderOf(nexus), isParked: false });
      this.#tagOf.set(id, tag);
      if (!client.hasR2T(tag)) this.#fault(`nexus ${at} is not asked for its data${answer === null ? '' : ` but told ${outcomeText(answer)}`}`);
      return;
    }
    unit.afterEnd(nexus, expected, entry);
    const said = answer ?? (await client.answerOf(tag));
    if (outcomeText(said) !== outcomeText(expected))
      this.#fault(`the write of nexus ${at} was told ${outcomeText(said)}, and should be told ${outcomeText(expected)}`);
  }

  #lastId = 0;

  async #sendData({ which }: Of<'data'>, client: NexusClient, unit: ReferenceUnit, nexus: NexusName): Promise<void> {
    const own = unit.tasks.filter((task) => task.nexus === nexus && !task.isParked);
    const task = own[which % Math.max(1, own.length)];
    if (task === undefined) return;
    const tag = this.#tagOf.get(task.id) as number;
    client.sendData(tag, new Uint8Array(BLOCK));
    if (unit.acas.has(task.order)) {
      task.isParked = true;
      return;
    }
    unit.tasks = unit.tasks.filter((each) => each !== task);
    const answer = await client.answerOf(tag);
    if (answer.status !== Status.good) this.#fault(`the write of a nexus was told ${outcomeText(answer)} when its data had come`);
  }

  async #manage({ at, lun, code, which }: Of<'manage'>, client: NexusClient, nexus: NexusName): Promise<void> {
    const ofAll = this.#reference.units.flatMap((each) => each.tasks).filter((task) => task.nexus === nexus);
    const named = ofAll[which % (ofAll.length + 1)] ?? null;
    const referencedTaskTag = named === null ? 0x7fff0000 : (this.#tagOf.get(named.id) as number);
    const needsTag = code === TaskManagementFunction.abortTask || code === TaskManagementFunction.queryTask;
    const tag = client.initiator.taskManagement(code, { lun, ...(needsTag ? { referencedTaskTag } : {}) });
    const expected = this.#reference.manage(nexus, lun, code, named?.id ?? null);
    await this.#settleTasks();
    const { response, information } = await client.managedAs(tag);
    if (response !== expected.response || information !== expected.information) {
      const text = (answer: { response: number; information: number }) => `${answer.response} with ${answer.information.toString(16)}`;
      this.#fault(`function ${code} of nexus ${at} has the response ${text({ response, information })}, not ${text(expected)}`);
    }
    if (code === TaskManagementFunction.targetColdReset) this.#clients.clear();
  }

  /** Who was told to send data sends it, whatever has become of the command; who is owed an answer gets it. */
  async #settleTasks(): Promise<void> {
    for (const { ended, lun } of this.#reference.units) {
      for (const { task, status } of ended.splice(0)) await this.#settleTask(lun, task, status);
    }
  }

  async #settleTask(lun: number, task: OpenTask, status: number | null): Promise<void> {
    const at = ports.findIndex((_, index) => nameOf(index) === task.nexus);
    const client = this.#clients.get(at);
    const tag = this.#tagOf.get(task.id) as number;
    if (client === undefined || !client.isOpen) return;
    if (client.hasR2T(tag)) client.sendData(tag, new Uint8Array(BLOCK));
    if (status === null) return;
    const answer = await client.answerOf(tag);
    if (answer.status !== status)
      this.#fault(`an open write of nexus ${at} on LUN ${lun} ended with ${outcomeText(answer)}, not status ${status.toString(16)}`);
  }

  async #settle(): Promise<void> {
    await this.#settleTasks();
    for (const [at, client] of this.#clients) {
      for (const text of client.unexpected) this.#fault(`nexus ${at} got an answer that nobody expects: ${text}`);
      if (!client.isOpen) this.#fault(`the connection of nexus ${at} has gone`);
    }
    this.#rig.assertSound(this.#reference.units.reduce((sum, { tasks }) => sum + tasks.length, 0));
  }

  /** What every nexus would be told, in its order. */
  #compareQueues(): void {
    for (const [at, client] of this.#clients) {
      for (const { lun, attentions } of this.#reference.units) {
        const { unit } = this.#rig.taskSets[lun] as TaskSet;
        const found = unit.pendingUnitAttentions(client.initiator.connection.nexus).map(({ asc }) => asc);
        const expected = attentions.get(nameOf(at)) ?? [];
        if (found.join() !== expected.join()) this.#fault(`unit attentions of nexus ${at} on LUN ${lun} are [${hexList(found)}], not [${hexList(expected)}]`);
      }
    }
  }

  /** Every nexus takes its unit attentions, and asks for what there is. */
  async #probeAll(lun: number): Promise<void> {
    const unit = this.#reference.unit(lun);
    for (const [at] of this.#clients) {
      const place = { at, lun };
      for (let i = 0; i < SENSE_COUNT_MAX && (unit.attentions.get(nameOf(at)) ?? []).length > 0 && !unit.acas.has(unit.orderOf(nameOf(at))); i++) {
        await this.#simple({ kind: 'sense', ...place }, unit, nameOf(at));
        await this.#settleTasks();
      }
      for (const kind of ['ready', 'read', 'write', 'beyond'] as const) await this.#simple({ kind, ...place }, unit, nameOf(at));
      await this.#settleTasks();
      for (const action of [0, 1, 2, 3] as const) await this.#reserveIn({ action, ...place }, unit);
      for (const control of [0, 2, 3] as const) {
        await this.#modeSense({ control, ...place }, unit);
        await this.#settleTasks();
      }
    }
  }
}

function nameOf(at: number): NexusName {
  const port = ports[at] as Port;
  return nexusName(cdbs.initiatorPortOf(port), port.targetPort);
}

function hexList(ascs: readonly number[]): string {
  return ascs.map((asc) => asc.toString(16).padStart(4, '0')).join(' ');
}

function entryOf(kind: SimpleKind): Entry {
  switch (kind) {
    case 'inquiry':
      return { access: 'always', passesAttention: true, passesNotReady: true };
    case 'ready':
      return { access: 'persistent' };
    case 'read':
    case 'beyond':
      return { access: 'read', wantsMedium: true };
    case 'write':
      return { access: 'write', writes: true, wantsMedium: true };
    case 'reserve':
      return { access: 'persistent', passesNotReady: true };
    case 'release':
    case 'start':
      return { access: 'always', passesNotReady: true };
    case 'load':
      return { access: 'always', passesNotReady: true };
    default:
      return { access: 'write', passesNotReady: true };
  }
}

function effectOf(kind: SimpleKind, unit: ReferenceUnit, nexus: NexusName): Outcome {
  switch (kind) {
    case 'beyond':
      return { status: Status.checkCondition, key: 5, asc: 0x2100 };
    case 'reserve':
      return unit.reserve(nexus, false);
    case 'release':
      return unit.reserve(nexus, true);
    case 'timestamp':
      unit.tell(Attention.timestampChanged, nexus);
      return good;
    case 'start':
      unit.isStopped = false;
      unit.lowPower = 0;
      return good;
    case 'stop':
      unit.isStopped = true;
      unit.lowPower = 0;
      return good;
    case 'idle':
    case 'standby':
      unit.isStopped = false;
      unit.lowPower = kind === 'idle' ? 0x5e03 : 0x5e04;
      return good;
    case 'eject':
    case 'load': {
      if (unit.lun !== REMOVABLE_LUN) return invalidInCdb;
      if (unit.preventing.size > 0) return { status: Status.checkCondition, key: 5, asc: 0x5302 };
      if (kind === 'load' && !unit.hasMedium) unit.tell(Attention.mediumChanged, nexus);
      unit.hasMedium = kind === 'load';
      unit.isStopped = false;
      unit.lowPower = 0;
      return good;
    }
    default:
      return good;
  }
}
