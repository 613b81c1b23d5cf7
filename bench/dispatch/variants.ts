import { Piscina } from 'piscina';
import { systemClock } from '../../engine/clock.js';
import { Dispatcher } from '../../engine/dispatch/dispatcher.js';
import type { MediumJob, UnitAttachment } from '../../engine/dispatch/job.js';
import { TargetError } from '../../engine/errors.js';
import { defaultLimits } from '../../engine/limits.js';
import type { PiscinaThreadSetup } from './piscina-thread.js';
import type { Stage } from './stage.js';

export const variantNames = ['inline', 'ring', 'piscina'] as const;
export type VariantName = (typeof variantNames)[number];

/** A way for a command to be executed. */
export interface Variant {
  readonly name: VariantName;
  /** Executes the command, now or later; `job.onExecuted` is called when it is done. */
  submit(job: MediumJob): void;
  stop(): Promise<void>;
}

const RING_THREAD = new URL('ring-thread.js', import.meta.url);
const PISCINA_THREAD = new URL('piscina-thread.js', import.meta.url);

/** What failed on a thread cannot be thrown at anyone: it ends the bench. */
function fail(error: unknown): void {
  queueMicrotask(() => {
    throw new TargetError('BENCH_RUN', 'a command of the bench failed', { cause: error });
  });
}

function makeDispatcher(stage: Stage, workerCount: number): Dispatcher {
  return new Dispatcher({
    slots: stage.slots.memory,
    arena: stage.arena,
    workerCount,
    limits: { ...defaultLimits, slotCount: stage.slots.memory.slotCount },
    clock: systemClock,
    workerUrl: RING_THREAD,
    afterCompletions: () => {},
    onDefect: fail,
  });
}

function inlineVariant(stage: Stage): Variant {
  const dispatcher = makeDispatcher(stage, 0);
  return { name: 'inline', submit: (job) => dispatcher.executeInline(job), stop: () => dispatcher.stop() };
}

/** The engine's dispatcher with its workers, polling and doorbell as they ship. */
function ringVariant(stage: Stage, workerCount: number): Variant {
  const dispatcher = makeDispatcher(stage, workerCount);
  dispatcher.attach(stage.attachment);
  return { name: 'ring', submit: (job) => dispatcher.submit(job), stop: () => dispatcher.stop() };
}

/** A `run()` for each command, with Piscina's own defaults: what the ring is there to avoid. */
function piscinaVariant(stage: Stage, workerCount: number): Variant {
  const unit: UnitAttachment = stage.attachment;
  const workerData: PiscinaThreadSetup = { slots: stage.slots.memory.buffer, arena: stage.arena.memory, unit };
  const pool = new Piscina({ filename: PISCINA_THREAD.href, minThreads: workerCount, maxThreads: workerCount, workerData, execArgv: [] });
  return {
    name: 'piscina',
    submit(job) {
      pool
        .run(job.slot.index)
        .then(() => job.onExecuted())
        .catch(fail);
    },
    stop: () => pool.destroy(),
  };
}

export function startVariants(stage: Stage, workerCount: number): readonly Variant[] {
  return [inlineVariant(stage), ringVariant(stage, workerCount), piscinaVariant(stage, workerCount)];
}
