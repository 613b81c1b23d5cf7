import { TaskManagementFunction } from '../../engine/pdu/index.js';
import { WriteOutcome } from './block-history.js';
import type { CommandEnd, CommandPlan, SimCommand } from './sim-command.js';
import type { SimConnection } from './sim-connection.js';
import { SimSession } from './sim-session.js';
import { LUN_COUNT } from './sim-target.js';
import type { SimWorld } from './sim-world.js';

const ACT_MS_MAX = 4;
const RESTART_MS_MAX = 200;
const { abortTaskSet, clearTaskSet, logicalUnitReset, targetWarmReset } = TaskManagementFunction;
const ABORT_CODES = [abortTaskSet, abortTaskSet, clearTaskSet, logicalUnitReset, targetWarmReset] as const;

/** How often an initiator does what, out of 100 times; the rest it does nothing. */
const Odds = { command: 72, numberedPing: 3, ping: 2, abortTask: 4, abortAll: 2, reset: 1, closeConnection: 2 } as const;

/** One initiator port: opens a session, gives the target things to do at random, and opens another when that one is lost. */
export class SimInitiator {
  readonly world: SimWorld;
  readonly name: string;
  readonly isid: string;
  readonly ends: Record<CommandEnd, number> = { answered: 0, aborted: 0, lost: 0 };
  commandsLeft: number;
  /** No session is open, and none will be. */
  isDone = false;
  #session: SimSession;
  /** Tags of different initiators differ, so that traces can be read. */
  #tag: number;
  /** Writes that were lost with their session: whether they happened is settled when the next one is open. */
  #limbo: SimCommand[] = [];

  constructor(world: SimWorld, at: number) {
    this.world = world;
    this.name = `iqn.2024-01.test:initiator${at}`;
    this.isid = `80000000000${at}`;
    this.#tag = 0x100 + at * 0x10000;
    this.commandsLeft = world.scenario.commandCount;
    this.#session = new SimSession(this);
    this.#actSoon();
  }

  takeTag(): number {
    return this.#tag++;
  }

  get hasOpenCommands(): boolean {
    return this.#session.commands.size > 0;
  }

  /** A function of this initiator is under way that stops commands of others. */
  get threatensOthers(): boolean {
    return this.#session.functions.threatensOthers;
  }

  describe(): string {
    return `${this.name}${this.isDone ? ' done' : ''}: ${this.#session.describe()}`;
  }

  onSessionOpen(): void {
    // What the target still does for the old session, it does before anything of the new one to the same blocks.
    for (const { history, write } of this.#limbo.splice(0)) if (write !== null) history.endWrite(write, WriteOutcome.unknown);
  }

  leaveInLimbo(command: SimCommand): void {
    this.#limbo.push(command);
  }

  onCommandEnded({ end }: SimCommand): void {
    if (end !== null) this.ends[end]++;
  }

  onSessionOver(): void {
    const { clock, random } = this.world;
    if (this.#session.logouts.isClosing || (this.commandsLeft === 0 && random.boolean())) {
      this.isDone = true;
      return;
    }
    clock.after(random.below(RESTART_MS_MAX), () => {
      this.#session = new SimSession(this);
    });
  }

  /** Another initiator has reset a logical unit, or all of them (`null`): our commands there may have ended without a word. */
  onForeignReset(lun: number | null): void {
    for (const command of this.#session.commands.values()) {
      if (lun === null || command.plan.lun === lun) command.putAtRisk(this.world.clock.nowMicros());
    }
  }

  #actSoon(): void {
    const { clock, random } = this.world;
    clock.after(random.below(ACT_MS_MAX * 1000) / 1000, () => {
      if (this.isDone) return;
      if (this.#session.state === 'open') this.#act(this.#session);
      this.#actSoon();
    });
  }

  #act(session: SimSession): void {
    session.functions.renew();
    session.functions.probeAtRisk();
    if (session.state !== 'open') return;
    session.logouts.forgetStale();
    if (this.commandsLeft === 0) {
      if (this.world.isCalm && session.isQuiet && !session.logouts.isClosing) session.logouts.closeSession();
      return;
    }
    const { random } = this.world;
    const connections = session.openConnections;
    const connection = connections[random.below(connections.length)];
    if (connection === undefined) return;
    let action = random.below(100);
    for (const [name, odds] of Object.entries(Odds)) {
      action -= odds;
      if (action >= 0) continue;
      this.#do(name as keyof typeof Odds, session, connection);
      return;
    }
  }

  #do(action: keyof typeof Odds, session: SimSession, connection: SimConnection): void {
    const { random, scenario } = this.world;
    switch (action) {
      case 'command':
        this.#command(session);
        break;
      case 'numberedPing':
        if (session.hasRoom) session.startPing(connection, random.below(64));
        break;
      case 'ping':
        connection.ping();
        break;
      case 'abortTask': {
        const open = [...session.commands.values()].filter((command) => command.connection.isOpen && !command.isReassigning);
        const command = open[random.below(open.length)];
        if (command !== undefined && session.functions.isIdle) session.functions.abortTask(command);
        break;
      }
      case 'abortAll': {
        const code = ABORT_CODES[random.below(ABORT_CODES.length)] as number;
        if (session.functions.isIdle && session.logouts.isIdle) session.functions.abortAll(code, connection, random.below(LUN_COUNT));
        break;
      }
      case 'reset':
        if (scenario.faults.resetShare > 0 && random.below(4) === 0) connection.link.reset();
        break;
      default:
        this.#closeConnection(session, connection);
    }
  }

  #command(session: SimSession): void {
    const { random, scenario } = this.world;
    if (!session.hasRoom || session.commands.size >= scenario.depthMax) return;
    this.commandsLeft--;
    const lbaCount = 1 + random.below(Math.min(scenario.blocksMax, scenario.spanBlocks));
    const kinds: CommandPlan['kind'][] = ['read', 'write', 'read', 'write', 'read', 'write', 'exchange', 'none'];
    session.startCommand({
      kind: kinds[random.below(kinds.length)] as CommandPlan['kind'],
      lun: random.below(LUN_COUNT),
      lba: random.below(scenario.spanBlocks - lbaCount + 1),
      lbaCount,
      attribute: random.below(8) === 0 ? 1 + random.below(3) : 1,
    });
  }

  #closeConnection(session: SimSession, connection: SimConnection): void {
    const isBusy = [...session.commands.values()].some((command) => command.connection === connection);
    if (session.openConnections.length < 2 || isBusy || !session.functions.isIdle || !session.recovery.isIdle) return;
    session.logouts.closeConnection(connection);
  }
}
