import type { Clock } from '../../engine/clock.js';

interface SimEvent {
  readonly atMicros: number;
  readonly sequence: number;
  readonly run: () => void;
  cancelled: boolean;
  /** It comes again for ever and keeps nothing alive. */
  readonly isBackground: boolean;
}

/** Far from zero, like the system's. */
const START_MICROS = 5e12;

function isBefore(a: SimEvent, b: SimEvent): boolean {
  return a.atMicros < b.atMicros || (a.atMicros === b.atMicros && a.sequence < b.sequence);
}

/** All that happens in a simulation, in the order of time and then of scheduling: nothing else makes anything happen. */
export class SimClock implements Clock {
  #micros = START_MICROS;
  #sequence = 0;
  /** A binary heap. */
  readonly #events: SimEvent[] = [];
  #foregroundCount = 0;

  nowMicros(): number {
    return this.#micros;
  }

  /** Since the simulation began. */
  get elapsedMicros(): number {
    return this.#micros - START_MICROS;
  }

  /** Events and timers that have not come and were not cancelled, without those in the background. */
  get pendingCount(): number {
    return this.#foregroundCount;
  }

  after(delayMs: number, callback: () => void): () => void {
    return this.#add(delayMs * 1000, callback, false);
  }

  /** Calls `run` again and again, as long as others keep the simulation going. */
  every(periodMs: number, run: () => void): void {
    const again = () => {
      run();
      this.#add(periodMs * 1000, again, true);
    };
    this.#add(periodMs * 1000, again, true);
  }

  /** Runs the next event; false when there is none. */
  step(): boolean {
    for (;;) {
      const event = this.#take();
      if (event === undefined) return false;
      if (event.cancelled) continue;
      event.cancelled = true;
      if (!event.isBackground) this.#foregroundCount--;
      this.#micros = event.atMicros;
      event.run();
      return true;
    }
  }

  #add(delayMicros: number, run: () => void, isBackground: boolean): () => void {
    const event: SimEvent = { atMicros: this.#micros + Math.max(0, delayMicros), sequence: this.#sequence++, run, cancelled: false, isBackground };
    if (!isBackground) this.#foregroundCount++;
    this.#put(event);
    return () => {
      if (event.cancelled) return;
      event.cancelled = true;
      if (!isBackground) this.#foregroundCount--;
    };
  }

  #put(event: SimEvent): void {
    const events = this.#events;
    let at = events.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(event, events[parent] as SimEvent)) break;
      events[at] = events[parent] as SimEvent;
      at = parent;
    }
    events[at] = event;
  }

  #take(): SimEvent | undefined {
    const events = this.#events;
    const first = events[0];
    const last = events.pop();
    if (first === undefined || last === undefined || events.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= events.length) break;
      if (child + 1 < events.length && isBefore(events[child + 1] as SimEvent, events[child] as SimEvent)) child++;
      if (!isBefore(events[child] as SimEvent, last)) break;
      events[at] = events[child] as SimEvent;
      at = child;
    }
    events[at] = last;
    return first;
  }
}
