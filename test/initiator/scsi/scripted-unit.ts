import type { CommandOptions, CommandResult } from '../../../initiator/command-exchange.js';
import { LogicalUnitClient, type RetryOptions } from '../../../initiator/scsi.js';
import type { Session } from '../../../initiator/session.js';
import { hex as bytesOf } from '../../support/assert-bytes.js';

export type Script = (options: CommandOptions) => Partial<CommandResult>;

const nothing = Buffer.alloc(0);
const TURN_COUNT = 4;

/** GOOD without data unless told. */
export function resultOf(part: Partial<CommandResult>): CommandResult {
  return { status: 0, sense: nothing, dataIn: nothing, residualFlags: 0, residualCount: 0, bidirectionalReadResidualCount: 0, ...part };
}

/** CHECK CONDITION with fixed-format sense data. */
export function checkConditionOf(key: number, ascAscq: number): Partial<CommandResult> {
  const sense = Buffer.alloc(18);
  sense.set([0x70, 0, key, 0, 0, 0, 0, 10]);
  sense.writeUInt16BE(ascAscq, 12);
  return { status: 0x02, sense };
}

export interface ScriptedUnit {
  readonly unit: LogicalUnitClient;
  /** What was sent, in order. */
  readonly commands: CommandOptions[];
  /** The most that were out at the same time. */
  readonly peak: { out: number };
}

/** A logical unit whose session is a function: what it is sent is kept, what it answers is the test's. */
export function scriptedUnit(script: Script, retry: RetryOptions = {}): ScriptedUnit {
  const commands: CommandOptions[] = [];
  const peak = { out: 0 };
  let out = 0;
  const session = {
    async command(options: CommandOptions): Promise<CommandResult> {
      commands.push(options);
      peak.out = Math.max(peak.out, ++out);
      // The later ones are answered before the earlier ones.
      for (let turns = TURN_COUNT - (commands.length % TURN_COUNT); turns > 0; turns--) await new Promise((resolve) => setImmediate(resolve));
      out--;
      return resultOf(script(options));
    },
  };
  return { unit: new LogicalUnitClient(session as unknown as Session, 0, retry), commands, peak };
}

export function cdbHex({ cdb }: CommandOptions): string {
  return Buffer.from(cdb).toString('hex');
}

/** Bytes as hexadecimal digits with any space between them. */
export function hex(text: string): Buffer {
  return Buffer.from(bytesOf(text));
}
