import type { CommandOptions, CommandResult } from '../command-exchange.js';
import { InitiatorError } from '../errors.js';

/** Whatever runs a SCSI command to a good end or throws: `LogicalUnitClient`, mostly. `label` is for messages. */
export interface CommandRunner {
  run(label: string, options: Omit<CommandOptions, 'lun'>): Promise<CommandResult>;
}

/** Runs a command that must return at least `lengthMin` bytes. Throws `TARGET_FAILURE` when it returns fewer. */
export async function runForData(runner: CommandRunner, label: string, cdb: Uint8Array, dataInLength: number, lengthMin: number): Promise<Buffer> {
  const { dataIn } = await runner.run(label, { cdb, dataInLength });
  if (dataIn.length < lengthMin) throw new InitiatorError('TARGET_FAILURE', `${label} returned ${dataIn.length} bytes, fewer than ${lengthMin}`);
  return dataIn;
}

/** Text fields of SCSI: ASCII, padded with spaces at the end. */
export function asciiField(bytes: Buffer, from = 0, to = bytes.length): string {
  return bytes.toString('latin1', from, to).replace(/[\0 ]+$/, '');
}
