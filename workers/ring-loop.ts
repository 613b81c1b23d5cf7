import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { nowMicros } from '../engine/clock.js';
import { mediumTypeNamed } from '../engine/devices/registry.js';
import { CpuProfiler } from '../engine/dispatch/cpu-profiler.js';
import type { UnitAttachment, UnitDetachment } from '../engine/dispatch/job.js';
import { Doorbell, type ProfileMessage, RingChannel, type RingWorkerSetup } from '../engine/dispatch/ring-channel.js';
import { assert } from '../engine/errors.js';
import type { DeviceType } from '../engine/scsi/command-table.js';
import { executeMediumCommand } from '../engine/scsi/device-server.js';
import { failedByDefect } from '../engine/scsi/device-server-faults.js';
import { Medium } from '../engine/scsi/medium.js';
import { CommandSlot, SlotMemory } from '../engine/shm/command-slot.js';
import { SLOT_LAYOUT_VERSION } from '../engine/shm/layout.js';
import { RING_EMPTY } from '../engine/shm/spsc-ring.js';
import { attachStore } from '../engine/store/attach-store.js';

/** A worker with nothing to do wakes this often to see whether it should stop. */
const SLEEP_MS_MAX = 1000;
const LOOKS_PER_CLOCK_READING = 32;
/** A worker with work all the time looks once in so many commands whether there is anything else to do. A power of two. */
const CHECK_COMMAND_COUNT = 256;

/** Media known to this thread, by handle; new ones come over the port before their first command, and those that are no more are dropped. */
class AttachedUnits {
  readonly #units = new Map<number, { deviceType: DeviceType; medium: Medium }>();
  readonly #port: MessagePort;
  readonly #channel: RingChannel;
  #noticeCount = 0;

  constructor(port: MessagePort, channel: RingChannel) {
    this.#port = port;
    this.#channel = channel;
  }

  /** Reads what was posted if something is among it that no command will ask for. */
  check(): void {
    const { noticeCount } = this.#channel;
    if (noticeCount === this.#noticeCount) return;
    this.#noticeCount = noticeCount;
    while (this.#receive());
  }

  find(handle: number): { deviceType: DeviceType; medium: Medium } {
    let unit = this.#units.get(handle);
    while (unit === undefined) {
      assert(this.#receive(), `logical unit ${handle} was never attached`);
      unit = this.#units.get(handle);
    }
    return unit;
  }

  /** Takes one message; false when there is none. */
  #receive(): boolean {
    const received = receiveMessageOnPort(this.#port);
    if (received === undefined) return false;
    const message = received.message as UnitAttachment | UnitDetachment;
    if ('detachedHandle' in message) this.#units.delete(message.detachedHandle);
    else this.#attach(message);
    return true;
  }

  #attach(attachment: UnitAttachment): void {
    const store = attachStore(attachment.store);
    const medium = new Medium(store, attachment.shape, attachment.handle);
    this.#units.set(attachment.handle, { deviceType: mediumTypeNamed(attachment.deviceTypeName), medium });
  }
}

/** The profile that the main thread may ask of this one. A thread in its ring reads no messages, so it is asked in shared memory. */
class ProfileOnRequest {
  readonly #channel: RingChannel;
  readonly #port: MessagePort;
  #isWanted = false;
  #profiler: CpuProfiler | null = null;

  constructor(channel: RingChannel, port: MessagePort) {
    this.#channel = channel;
    this.#port = port;
  }

  check(): void {
    const intervalMicros = this.#channel.profileIntervalMicros;
    if ((intervalMicros !== 0) === this.#isWanted) return;
    this.#isWanted = intervalMicros !== 0;
    if (this.#isWanted) this.#start(intervalMicros);
    else this.#stop();
  }

  /** A thread that cannot profile itself goes on serving, and says so when the profile is collected. */
  #start(intervalMicros: number): void {
    try {
      this.#profiler = new CpuProfiler(intervalMicros);
    } catch {
      this.#profiler = null;
    }
  }

  #stop(): void {
    let cpuProfile: string | null = null;
    try {
      cpuProfile = this.#profiler?.stop() ?? null;
    } catch {
      // Said by the null.
    }
    this.#profiler = null;
    this.#port.postMessage({ cpuProfile } satisfies ProfileMessage);
  }
}

/** Serves one ring until it is asked to stop. Started by Piscina, once a thread. */
export default function serveRing(setup: RingWorkerSetup): void {
  assert(setup.slotLayoutVersion === SLOT_LAYOUT_VERSION, 'main thread and worker disagree on the slot layout');
  const memory = new SlotMemory(setup.slots);
  const arena = Buffer.from(setup.arena);
  const channel = new RingChannel(setup.channel, setup.channelCapacity);
  const doorbell = new Doorbell(setup.doorbell);
  const units = new AttachedUnits(setup.attachments, channel);
  const slots: (CommandSlot | undefined)[] = new Array(memory.slotCount).fill(undefined);
  const profile = new ProfileOnRequest(channel, setup.attachments);
  let servedCount = 0;

  channel.isServed = true;
  while (!channel.stopRequested) {
    const index = channel.submission.pop();
    if (index === RING_EMPTY) {
      profile.check();
      units.check();
      idle(channel, setup.pollMicrosMax);
      continue;
    }
    const slot = slots[index] ?? new CommandSlot(memory, index);
    slots[index] = slot;
    execute(slot, arena, units);
    channel.completion.push(index);
    doorbell.ring();
    servedCount = (servedCount + 1) % CHECK_COMMAND_COUNT;
    if (servedCount !== 0) continue;
    profile.check();
    units.check();
  }
}

/** Spins for a bounded time, then sleeps until the main thread wakes it. */
function idle(channel: RingChannel, pollMicros: number): void {
  const until = nowMicros() + pollMicros;
  do {
    // Looking at the clock costs more than looking at the ring.
    for (let look = 0; look < LOOKS_PER_CLOCK_READING; look++) if (channel.submission.length > 0) return;
  } while (nowMicros() < until);
  channel.submission.sleep(SLEEP_MS_MAX);
}

function execute(slot: CommandSlot, arena: Uint8Array, units: AttachedUnits): void {
  slot.startedAt = nowMicros();
  slot.dataOut = arena;
  slot.dataOutStart = slot.dataOutOffset;
  slot.dataIn = arena;
  slot.dataInStart = slot.dataInOffset;
  try {
    const { deviceType, medium } = units.find(slot.logicalUnitHandle);
    executeMediumCommand(slot, deviceType, medium);
  } catch {
    failedByDefect(slot);
  }
  slot.executedAt = nowMicros();
}
