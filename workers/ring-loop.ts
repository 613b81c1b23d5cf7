import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { nowMicros } from '../engine/clock.js';
import type { UnitAttachment } from '../engine/dispatch/job.js';
import { Doorbell, RingChannel, type RingWorkerSetup } from '../engine/dispatch/ring-channel.js';
import { assert } from '../engine/errors.js';
import type { DeviceType } from '../engine/scsi/command-table.js';
import { executeMediumCommand } from '../engine/scsi/device-server.js';
import { failedByDefect } from '../engine/scsi/device-server-faults.js';
import { deviceTypeNamed } from '../engine/scsi/device-types.js';
import { Medium } from '../engine/scsi/medium.js';
import { CommandSlot, SlotMemory } from '../engine/shm/command-slot.js';
import { SLOT_LAYOUT_VERSION } from '../engine/shm/layout.js';
import { RING_EMPTY } from '../engine/shm/spsc-ring.js';
import { attachStore } from '../engine/store/attach-store.js';

/** A worker with nothing to do wakes this often to see whether it should stop. */
const SLEEP_MS_MAX = 1000;

/** Logical units known to this thread, by handle; new ones come over the port before their first command. */
class AttachedUnits {
  readonly #units = new Map<number, { deviceType: DeviceType; medium: Medium }>();
  readonly #port: MessagePort;

  constructor(port: MessagePort) {
    this.#port = port;
  }

  find(handle: number): { deviceType: DeviceType; medium: Medium } {
    let unit = this.#units.get(handle);
    while (unit === undefined) {
      const received = receiveMessageOnPort(this.#port);
      assert(received !== undefined, `logical unit ${handle} was never attached`);
      this.#attach(received.message as UnitAttachment);
      unit = this.#units.get(handle);
    }
    return unit;
  }

  #attach(attachment: UnitAttachment): void {
    const store = attachStore(attachment.store);
    const medium = new Medium(store, attachment.blockLengthBytes, attachment.readOnly, attachment.transferLengthBytesMax);
    this.#units.set(attachment.handle, { deviceType: deviceTypeNamed(attachment.deviceTypeName), medium });
  }
}

/** Serves one ring until it is asked to stop. Started by Piscina, once a thread. */
export default function serveRing(setup: RingWorkerSetup): void {
  assert(setup.slotLayoutVersion === SLOT_LAYOUT_VERSION, 'main thread and worker disagree on the slot layout');
  const memory = new SlotMemory(setup.slots);
  const arena = Buffer.from(setup.arena);
  const channel = new RingChannel(setup.channel, setup.channelCapacity);
  const doorbell = new Doorbell(setup.doorbell);
  const units = new AttachedUnits(setup.attachments);
  const slots: (CommandSlot | undefined)[] = new Array(memory.slotCount).fill(undefined);

  channel.isServed = true;
  while (!channel.stopRequested) {
    const index = channel.submission.pop();
    if (index === RING_EMPTY) {
      idle(channel, setup.pollMicrosMax);
      continue;
    }
    const slot = slots[index] ?? new CommandSlot(memory, index);
    slots[index] = slot;
    execute(slot, arena, units);
    channel.completion.push(index);
    doorbell.ring();
  }
}

/** Spins for a bounded time, then sleeps until the main thread wakes it. */
function idle(channel: RingChannel, pollMicros: number): void {
  const until = nowMicros() + pollMicros;
  do {
    if (channel.submission.length > 0) return;
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
