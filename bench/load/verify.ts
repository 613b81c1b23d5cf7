import type { Medium } from '../compare/model.js';
import { type CommandStream, CoreConnection } from './core-connection.js';
import type { InitiatorJob, VerifyAnswer } from './job.js';
import { Pattern } from './pattern.js';

export type VerifyJob = Extract<InitiatorJob, { kind: 'verify' }>;

/** One command of the verification, and how many of them are on their way. */
const PIECE_BYTES = 64 * 1024;
const DEPTH = 16;

/** Reads pieces and compares each with the pattern. */
export function readBackStream(
  connection: CoreConnection,
  pattern: Pattern,
  byteAddresses: readonly number[],
  lengthBytes: number,
  medium: Medium,
): CommandStream {
  const { core } = connection;
  const command = connection.defineRead(lengthBytes / medium.blockLengthBytes, lengthBytes);
  const landings: Uint8Array[] = Array.from({ length: core.taskCount }, () => new Uint8Array(lengthBytes));
  const landingOf: (Uint8Array | undefined)[] = new Array(core.taskCount).fill(undefined);
  const addressOf = new Float64Array(core.taskCount);
  let at = 0;
  return {
    submitNext: () => {
      const address = byteAddresses[at];
      const landing = landings.pop();
      if (address === undefined || landing === undefined) return false;
      at++;
      // What an earlier read left here must not pass for the answer to this one.
      landing.fill(0);
      const task = core.submit(command, address / medium.blockLengthBytes, landing);
      landingOf[task] = landing;
      addressOf[task] = address;
      return true;
    },
    complete: (task) => {
      const landing = landingOf[task] as Uint8Array;
      landings.push(landing);
      const address = addressOf[task] as number;
      return pattern.matches(landing, address) ? null : `wrong data: the ${lengthBytes} bytes at ${address} are not what was written there`;
    },
  };
}

function writeStream(connection: CoreConnection, pattern: Pattern, byteAddresses: readonly number[], lengthBytes: number, medium: Medium): CommandStream {
  const command = connection.defineWrite(lengthBytes / medium.blockLengthBytes, lengthBytes);
  let at = 0;
  return {
    submitNext: () => {
      const address = byteAddresses[at++];
      if (address === undefined) return false;
      connection.core.submit(command, address / medium.blockLengthBytes, pattern.image, pattern.offsetOf(address));
      return true;
    },
    complete: () => null,
  };
}

/**
 * Writes a seeded pattern over the medium from its start, all of it before any is read back, and compares. Every block of every contender
 * has been written then, so that none of them answers from memory it never had to take. Rejects with `BENCH_RUN` on wrong data.
 */
export async function verify(job: VerifyJob): Promise<VerifyAnswer> {
  const count = Math.floor(Math.min(job.lengthBytes, job.medium.capacityBytes) / PIECE_BYTES);
  const addresses = Array.from({ length: count }, (_, index) => index * PIECE_BYTES);
  const pattern = new Pattern(job.seed);
  const connection = await CoreConnection.open(job.url, DEPTH);
  await connection.run(writeStream(connection, pattern, addresses, PIECE_BYTES, job.medium));
  await connection.run(readBackStream(connection, pattern, addresses, PIECE_BYTES, job.medium));
  await connection.close();
  return { verifiedBytes: count * PIECE_BYTES };
}
