import type { InitiatorJob, InitiatorReply } from './load/job.js';
import { probe } from './load/probe.js';
import { runLoad } from './load/run-load.js';
import { verify } from './load/verify.js';

/**
 * Our own initiator as a process, so that it has a core of its own and its time is not the bench's. Takes an `InitiatorJob` as JSON in its
 * only argument and prints one line, an `InitiatorReply`; the exit code is 0 when that is an answer.
 */

function perform(job: InitiatorJob): Promise<unknown> {
  switch (job.kind) {
    case 'probe':
      return probe(job.url);
    case 'verify':
      return verify(job);
    case 'load':
      return runLoad(job);
  }
}

let reply: InitiatorReply<unknown>;
try {
  reply = { answer: await perform(JSON.parse(process.argv[2] ?? '') as InitiatorJob) };
} catch (error) {
  reply = { error: error instanceof Error ? error.message : String(error) };
}
process.stdout.write(`${JSON.stringify(reply)}\n`, () => process.exit(reply.error === undefined ? 0 : 1));
