import { availableParallelism } from 'node:os';
import { AccessControl, type AccessControlOptions, type LoginCounts } from './access/index.js';
import { ControlSocket } from './admin/control-socket.js';
import { EngineProfiler } from './admin/engine-profiler.js';
import { registerProfileOperation } from './admin/profile-operation.js';
import { RuntimeWatch } from './admin/runtime-watch.js';
import { CONTROL_AUTO, CONTROL_OFF } from './admin/socket-path.js';
import { type SessionStats, statsOperation } from './admin/stats-operation.js';
import { registerUnitsOperations } from './admin/units-operations.js';
import { systemClock } from './clock.js';
import type { EngineConfig, LunConfig, PortalConfig } from './config/engine-config.js';
import { redirectRulesOf } from './config/load-access.js';
import { checkEngineConfig, loadAccess } from './config/load-config.js';
import { portalGroupTagOf } from './config/portal.js';
import { Dispatcher } from './dispatch/dispatcher.js';
import { TargetError } from './errors.js';
import { IsnsClient, type IsnsState } from './isns/index.js';
import { isnsRegistrationOf } from './isns-registration.js';
import { type Limits, resolveLimits } from './limits.js';
import type { LoopbackOptions } from './loopback/index.js';
import { LoopbackNexus } from './loopback/loopback-nexus.js';
import { EngineMetrics, type EngineSnapshot } from './metrics/engine-metrics.js';
import { StageAccounting } from './metrics/stage-accounting.js';
import { FlushList } from './net/flush-list.js';
import { Portals } from './net/portal.js';
import { soleUnitHost } from './scsi/unit-host.js';
import { Admission } from './session/admission.js';
import { requestLogout } from './session/async-messages.js';
import type { EngineContext } from './session/engine-context.js';
import { SessionDirectory } from './session/session-directory.js';
import { SessionOperations } from './session/session-operations.js';
import { BufferArena } from './shm/buffer-arena.js';
import { StateDirectory } from './state/index.js';
import { SlotPool } from './task/slot-pool.js';
import { TaskRunner } from './task/task-runner.js';
import type { TaskSet } from './task/task-set.js';
import { LiveUnits } from './units/live-units.js';
import { closeLuns, namingLun, type OpenLun, type OpenLunsContext, openLuns } from './units/open-luns.js';
import type { ServedTarget } from './units/served-target.js';
import { UnitBuilder } from './units/unit-builder.js';
import { type UnitStatus, unitStatusOf } from './units/unit-status.js';

/** Time-outs are looked at this often, or four times within the shortest of them. */
const TICK_MS_MAX = 1000;
const TICKS_PER_TIME_OUT = 4;
const DRAIN_POLL_MS = 20;
const CORE_COUNT = availableParallelism();
const WORKER_URL = new URL('../workers/ring-loop.js', import.meta.url);

/** What `describe` tells of a target. */
export interface TargetDescription {
  readonly name: string;
  /** Initiators have to authenticate. */
  readonly needsChap: boolean;
  readonly luns: readonly UnitStatus[];
}

export interface EngineOptions {
  readonly onDefect?: (error: unknown) => void;
  readonly onNotice?: (message: string) => void;
}

/** Resources in use, for tests and operators: all zero when nothing is outstanding. */
export interface EngineUsage {
  readonly openTaskCount: number;
  readonly slotsInUse: number;
  readonly arenaBytesInUse: number;
  readonly ringCommandCount: number;
  readonly sessionCount: number;
  readonly connectionCount: number;
  readonly heldRangeCount: number;
  /** What is kept to be sent again. */
  readonly retainedBytes: number;
}

/** An iSCSI target engine: portals, targets, logical units, workers. Made and started by `Engine.start`. */
export class Engine {
  readonly #limits: Limits;
  readonly #config: EngineConfig;
  readonly #slots: SlotPool;
  readonly #arena: BufferArena;
  readonly #dispatcher: Dispatcher;
  readonly #runner: TaskRunner;
  readonly #flushList = new FlushList();
  readonly #targets: readonly ServedTarget[];
  /** What an operator may ask of the logical units and the ways to them. */
  readonly units: LiveUnits;
  /** Null when nothing is kept. */
  readonly #state: StateDirectory | null;
  readonly #metrics = new EngineMetrics();
  readonly #accounting: StageAccounting;
  readonly #startedAtMicros = systemClock.nowMicros();
  /** Answers who asks the running engine; operations can be added to it. Listens only when the configuration says where. */
  readonly control: ControlSocket;
  #watch: RuntimeWatch | null = null;
  /** Takes CPU profiles of all threads while the engine runs. */
  readonly profiler: EngineProfiler;
  readonly #loopbacks = new Set<LoopbackNexus>();
  /** What an operator may ask of the sessions that are there. */
  readonly sessions: SessionOperations;
  readonly #context: EngineContext;
  readonly #portals: Portals;
  readonly #bound: PortalConfig[] = [];
  #ticker: NodeJS.Timeout | null = null;
  #stopping: Promise<void> | null = null;
  #isns: IsnsClient | null = null;
  readonly #onNotice: (message: string) => void;

  /**
   * Opens the stores, starts the workers and listens. Throws `ConfigError`, and `TargetError` with `STORE_…`, `STATE_…` or
   * `LISTEN_FAILED`; what was opened until then is closed again. `onDefect` is told of faults of the engine's own,
   * `onNotice` in sentences of what goes on around it that an operator should know.
   */
  static async start(config: EngineConfig, options: EngineOptions = {}): Promise<Engine> {
    checkEngineConfig(config);
    const access = loadAccess(config);
    const state = config.state === undefined ? null : StateDirectory.open(config.state, resolveLimits(config.limits));
    const { onDefect = reportDefect, onNotice = () => {} } = options;
    const limits = resolveLimits(config.limits);
    const isBound = config.workerCount > 0 && config.execution !== 'inline';
    const opening: OpenLunsContext = { limits, clock: systemClock, isBound, onNotice, onDefect };
    let luns: ReadonlyMap<LunConfig, OpenLun> = new Map();
    let engine: Engine;
    try {
      luns = await openLuns(config, opening);
      engine = new Engine(config, access, state, luns, opening);
    } catch (error) {
      await closeLuns([...luns.values()]).catch(() => undefined);
      state?.abandon();
      throw error;
    }
    try {
      // Before anybody can ask: a media library gives its drives their cartridges back.
      for (const { unit } of engine.#targets.flatMap(({ units }) => units)) await namingLun(unit.lun, () => unit.announceTarget());
      for (const portal of config.portals) engine.#addPortal(await engine.#portals.listen(portal));
      await engine.#openControl();
    } catch (error) {
      await engine.stop({ immediately: true });
      throw error;
    }
    engine.#ticker = setInterval(() => engine.#onTick(), tickMsOf(engine.#limits));
    engine.#ticker.unref();
    engine.#startIsns();
    return engine;
  }

  private constructor(
    config: EngineConfig,
    access: Omit<AccessControlOptions, 'limits'>,
    state: StateDirectory | null,
    luns: ReadonlyMap<LunConfig, OpenLun>,
    opening: OpenLunsContext,
  ) {
    const { limits, onDefect, onNotice } = opening;
    this.#config = config;
    this.#state = state;
    this.#onNotice = onNotice;
    this.#limits = limits;
    this.#accounting = new StageAccounting(limits.stageHistogramBytesMax);
    this.control = new ControlSocket({ limits, onDefect });
    this.#slots = new SlotPool(limits.slotCount);
    this.#arena = new BufferArena(limits.arenaBytes, limits.transferLengthBytesMax);
    const shared = { arena: this.#arena, clock: systemClock, onDefect };
    this.#dispatcher = new Dispatcher({
      ...shared,
      slots: this.#slots.memory,
      workerCount: config.workerCount,
      limits,
      workerUrl: WORKER_URL,
      afterCompletions: () => {
        this.#flushList.flushAll();
        this.#portals.onAnswered();
      },
    });
    this.#runner = new TaskRunner({
      ...shared,
      slots: this.#slots,
      dispatcher: this.#dispatcher,
      onResourcesFreed: () => admission.onResourcesFreed(),
      onLateAnswer: () => this.#flushList.flushSoon(),
    });
    this.profiler = new EngineProfiler({
      limits,
      commandCount: () => this.#taskSets.reduce((sum, taskSet) => sum + taskSet.metrics.read().commandCount, 0),
      startProfiles: (intervalMicros) => this.#dispatcher.startProfiles(intervalMicros),
      stopProfiles: () => this.#dispatcher.stopProfiles(),
    });
    const admission = new Admission(this.#runner, limits);
    const builder = new UnitBuilder({
      ...shared,
      after: (delayMs, run) => systemClock.after(delayMs, run),
      config,
      limits,
      slots: this.#slots,
      dispatcher: this.#dispatcher,
      runner: this.#runner,
      accounting: this.#accounting,
      stateOf: (targetName, lun) => this.#state?.unitState(targetName, lun) ?? soleUnitHost.state,
    });
    const targets = config.targets.map((target) => builder.buildTarget(target, luns));
    this.#targets = targets;
    this.units = new LiveUnits({ config, limits, builder, clock: systemClock, opening, targets });
    const directory = new SessionDirectory(
      targets.map(({ node }) => node),
      limits,
      admission,
      new AccessControl({ limits, ...access }),
    );
    this.#context = { limits, clock: systemClock, runner: this.#runner, admission, directory, onDefect };
    this.sessions = new SessionOperations(directory);
    // A worker that executes, or the only core there is, has better use for the time.
    const mayPoll = () => CORE_COUNT > 1 && this.#dispatcher.inFlightCount === 0;
    this.#portals = new Portals(this.#context, this.#flushList, mayPoll);
  }

  /** The portals as they are bound: port 0 has become a real one. */
  get portals(): readonly PortalConfig[] {
    return this.#bound;
  }

  /** The worker threads that run now, for fault injection. */
  get workerThreads(): import('node:worker_threads').Worker[] {
    return this.#dispatcher.threads;
  }

  describe(): TargetDescription[] {
    return this.#targets.map(({ name, config, units }) => ({
      name,
      needsChap: config.users !== undefined,
      luns: units.map((served) => unitStatusOf(served, this.#config)),
    }));
  }

  get #taskSets(): TaskSet[] {
    return this.#targets.flatMap(({ units }) => units.map(({ taskSet }) => taskSet));
  }

  /** See `openLoopback` of `lunloom/loopback`. */
  openLoopback({ target: targetName, initiatorPortName }: LoopbackOptions = {}): LoopbackNexus {
    const { directory, runner, limits, clock } = this.#context;
    const target = targetName === undefined ? directory.targets[0] : directory.targets.find(({ name }) => name === targetName);
    if (target === undefined || this.#stopping !== null) throw new TargetError('TARGET_UNKNOWN', `there is no target named ${targetName}`);
    const nexus = directory.makeLoopbackNexus(target, initiatorPortName);
    const loopback = new LoopbackNexus({ target, nexus, runner, limits, clock, onClosed: (closed) => this.#loopbacks.delete(closed) });
    this.#loopbacks.add(loopback);
    return loopback;
  }

  snapshot(): EngineSnapshot {
    const sessionCount = this.#context.directory.sessions.length;
    return this.#metrics.snapshot(
      this.#taskSets.map((taskSet) => taskSet.metrics),
      sessionCount,
    );
  }

  /** Logins since the start, by how they ended. */
  get logins(): LoginCounts {
    return this.#context.directory.access.counts;
  }

  usage(): EngineUsage {
    return {
      openTaskCount: this.#runner.openTaskCount,
      slotsInUse: this.#limits.slotCount - this.#slots.freeCount,
      arenaBytesInUse: this.#arena.sizeBytes - this.#arena.freeBytes,
      ringCommandCount: this.#dispatcher.inFlightCount,
      sessionCount: this.#context.directory.sessions.length,
      connectionCount: this.#portals.transports.size,
      heldRangeCount: this.#taskSets.reduce((sum, taskSet) => sum + taskSet.locks.heldCount, 0),
      retainedBytes: this.#context.admission.retainedBytes,
    };
  }

  /**
   * Stops accepting, asks initiators to log out, waits for commands to end, flushes and closes the stores. With
   * `immediately` nobody is waited for, but what was acknowledged is flushed all the same.
   */
  stop({ immediately = false }: { readonly immediately?: boolean } = {}): Promise<void> {
    this.#stopping ??= this.#stop(immediately);
    return this.#stopping;
  }

  async #stop(immediately: boolean): Promise<void> {
    if (this.#ticker !== null) clearInterval(this.#ticker);
    this.profiler.cancel();
    this.control.close();
    this.#watch?.stop();
    // Nobody should be sent here any more.
    const deregistered = this.#isns?.stop();
    this.#portals.stopListening();
    if (!immediately) await this.#drain();
    for (const transport of Array.from(this.#portals.transports)) transport.destroy();
    // Those that would wait for their initiators to come back, with what they keep.
    this.#context.directory.endAllSessions();
    await this.#closeLoopbacks();
    await this.units.stop();
    await Promise.all(this.#targets.flatMap(({ units }) => units.map(({ host }) => host.close())));
    await this.#dispatcher.stop();
    await deregistered;
    for (const { portGroups } of this.#targets) portGroups.stop();
    try {
      await closeLuns(this.#targets.flatMap(({ units }) => units));
    } finally {
      await this.#state?.close();
    }
  }

  /** Their commands have stopped then, but for those that a stuck device does not let go of. */
  async #closeLoopbacks(): Promise<void> {
    const closed = Promise.all(Array.from(this.#loopbacks, (loopback) => loopback.close()));
    let cancel = () => {};
    const late = new Promise<void>((resolve) => {
      cancel = systemClock.after(this.#limits.deviceCloseMsMax, resolve);
    });
    await Promise.race([closed, late]).finally(() => cancel());
  }

  /** How the registration with the iSNS server stands; null when none is configured. */
  get isnsState(): IsnsState | null {
    return this.#isns?.state ?? null;
  }

  #startIsns(): void {
    const { isns } = this.#config;
    if (isns === undefined) return;
    this.#isns = new IsnsClient({
      server: isns.server,
      refreshSeconds: isns.refreshSeconds,
      limits: this.#limits,
      clock: systemClock,
      registrationFrom: (localAddress) => isnsRegistrationOf(this.#context.directory, localAddress, isns.entity),
      onNotice: this.#onNotice,
    });
    this.#isns.start();
  }

  /** Discovery tells of portals as soon as they listen. */
  #addPortal(bound: PortalConfig): void {
    this.#bound.push(bound);
    this.#context.directory.portals = this.#bound.map((portal) => ({ ...portal, portalGroupTag: portalGroupTagOf(portal) }));
    this.#context.directory.access.setRedirects(redirectRulesOf(this.#config, this.#bound));
  }

  #onTick(): void {
    const nowMicros = systemClock.nowMicros();
    this.#portals.onTick(nowMicros);
    this.#accounting.slowest.expire(nowMicros);
  }

  async #openControl(): Promise<void> {
    const where = this.#config.control ?? CONTROL_OFF;
    if (where === CONTROL_OFF) return;
    this.#watch = new RuntimeWatch();
    this.#registerStats(this.#watch);
    registerProfileOperation(this.control, this.profiler);
    registerUnitsOperations(this.control, this.units);
    try {
      await this.control.listen(where);
    } catch (error) {
      // Initiators are served all the same where there is no directory for a socket, such as in a read-only container.
      if (where !== CONTROL_AUTO) throw error;
      this.#context.onDefect(error);
    }
  }

  #registerStats(watch: RuntimeWatch): void {
    const source = {
      accounting: this.#accounting,
      watch,
      startedAtMicros: this.#startedAtMicros,
      nowMicros: () => systemClock.nowMicros(),
      units: () => this.#taskSets,
      sessions: () => this.#sessionStats(),
      logins: () => this.logins,
      ringDepths: () => this.#dispatcher.inFlightCounts,
      slots: () => ({ total: this.#limits.slotCount, free: this.#slots.freeCount }),
      arena: () => ({ totalBytes: this.#arena.sizeBytes, freeBytes: this.#arena.freeBytes }),
    };
    this.control.registerOperation('stats', statsOperation(source));
  }

  #sessionStats(): SessionStats[] {
    return this.#context.directory.sessions.map(({ tsih, initiatorName, target, connection, openTaskCount }) => ({
      tsih,
      initiator: initiatorName,
      target: target?.name ?? null,
      remoteAddress: connection?.transport.remoteAddress ?? '',
      outstandingCount: openTaskCount,
    }));
  }

  /** Sends the Async Message that asks for logout and waits until all have gone, or for `drainMsMax`. */
  async #drain(): Promise<void> {
    const until = systemClock.nowMicros() + this.#limits.drainMsMax * 1000;
    for (const transport of this.#portals.transports) {
      if (transport.connection.isInLogin) transport.destroy();
      else requestLogout(transport.connection, Math.ceil(this.#limits.drainMsMax / 1000));
    }
    this.#flushList.flushAll();
    while (this.#portals.transports.size > 0 && systemClock.nowMicros() < until) await new Promise((resolve) => setTimeout(resolve, DRAIN_POLL_MS));
  }
}

function tickMsOf(limits: Limits): number {
  const shortestMs = Math.min(
    limits.sendStallMsMax,
    Math.max(1, limits.abortedTransferMsMax),
    limits.nopInIntervalMs,
    limits.nopInAnswerMsMax,
    limits.loginTimeMsMax,
  );
  return Math.min(TICK_MS_MAX, Math.ceil(shortestMs / TICKS_PER_TIME_OUT));
}

function reportDefect(error: unknown): void {
  process.emitWarning(error instanceof Error ? (error.stack ?? error.message) : String(error), 'LunloomDefect');
}
