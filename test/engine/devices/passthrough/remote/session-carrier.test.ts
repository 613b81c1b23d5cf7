import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { CarriedCommand, CarriedEnd } from '../../../../../engine/devices/passthrough/carrier.js';
import { SessionCarrier } from '../../../../../engine/devices/passthrough/remote/session-carrier.js';
import { defaultLimits } from '../../../../../engine/limits.js';
import { ResidualFlag, TaskAttribute } from '../../../../../engine/pdu/index.js';
import { ScsiStatus } from '../../../../../engine/scsi/status.js';
import { DataDirection } from '../../../../../engine/shm/layout.js';
import type { CommandResult } from '../../../../../initiator/command-exchange.js';
import type { Session } from '../../../../../initiator/session.js';
import { TestClock } from '../../../../support/test-clock.js';

/** What becomes of a command with so many bytes of Data-In expected that a target ends like this. */
function carry(expectedBytes: number, result: Partial<CommandResult>): Promise<CarriedEnd> {
  const whole: CommandResult = {
    status: ScsiStatus.good,
    sense: Buffer.alloc(0),
    dataIn: Buffer.alloc(0),
    residualFlags: 0,
    residualCount: 0,
    bidirectionalReadResidualCount: 0,
    ...result,
  };
  const session = { isClosed: false, submit: () => ({ result: Promise.resolve(whole) }) } as unknown as Session;
  const carrier = new SessionCarrier(session, 0, new TestClock(), defaultLimits);
  const dataIn = expectedBytes === 0 ? null : new Uint8Array(expectedBytes);
  const command: CarriedCommand = { cdb: new Uint8Array(16), attribute: TaskAttribute.simple, direction: DataDirection.in, dataOut: null, dataIn };
  return new Promise((resolve) => carrier.carry(command, resolve));
}

async function dataInLengthOf(expectedBytes: number, result: Partial<CommandResult>): Promise<number | null> {
  const end = await carry(expectedBytes, result);
  return end.kind === 'answered' ? end.dataInLength : null;
}

const overflow = (residualCount: number) => ({ residualFlags: ResidualFlag.overflow, residualCount });

test('a device that had more than was expected tells how much', async () => {
  assert.is(await dataInLengthOf(512, { dataIn: Buffer.alloc(512), ...overflow(188) }), 700);
  assert.is(await dataInLengthOf(0, overflow(36)), 36);
});

test('an overflow of a device that has sent nothing is no data: what lies in the memory is not its own', async () => {
  const outcome = { status: ScsiStatus.checkCondition, ...overflow(128) };
  assert.is(await dataInLengthOf(48_798, outcome), 0);
  assert.is(await dataInLengthOf(512, { ...outcome, dataIn: Buffer.alloc(100) }), 100);
});

test.run();
