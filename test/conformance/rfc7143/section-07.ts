import { type ConformanceRow, must, should, testsOf, uncovered } from './row.js';

const connection = testsOf('engine/session/connection');
const cursor = testsOf('engine/net/receive-cursor');
const dataOut = testsOf('engine/session/data-out');
const order = testsOf('engine/session/command-order');
const transfer = testsOf('engine/task/data-out-transfer');
const keepalive = testsOf('engine/session/keepalive');
const management = testsOf('engine/session/task-management');
const directory = testsOf('engine/session/session-directory');
const login = testsOf('engine/login/login-negotiation');
const text = testsOf('engine/login/text-negotiation');
const digests = testsOf('hostile/digests');
const mutation = testsOf('hostile/mutation');
const slow = testsOf('hostile/slow-peers');

/** Errors and recovery, and the states of connections and sessions. */
export const section7: readonly ConformanceRow[] = [
  must(
    '7.3',
    'A PDU that is rejected is answered with a Reject that carries its header.',
    connection('an opcode that is none is rejected with its header'),
    dataOut('Data-Out for no task is rejected with its header'),
  ),
  must(
    '7.3',
    'A rejected command PDU leaves its CmdSN used, so that the commands behind it go on.',
    order('a rejected command uses up its CmdSN, in its turn and before it'),
  ),
  must(
    '7.4',
    'A discovery session works at ErrorRecoveryLevel 0.',
    testsOf('engine/login/keys')('in a discovery session ErrorRecoveryLevel is 0, and what concerns data is Irrelevant (RFC 7143 §13.21)'),
  ),
  should(
    '7.5',
    'An initiator that does not answer a NOP-In in time is given up.',
    keepalive('one that does not answer is dropped'),
    keepalive('a silent initiator is asked whether it lives, and stays when it answers'),
  ),
  should(
    '7.5',
    'An initiator that owes data and does not send it is given up.',
    keepalive('one that owes data for too long is dropped, whatever else it sends'),
    slow('writers that announce unsolicited data and never send it are dropped'),
  ),
  must(
    '7.6',
    'Tasks of a session that is reinstated, closed or lost end without a response.',
    directory('a login of the same port reinstates the session: the old one is gone, its commands with it, RFC 7143 §6.3.5'),
    management('a connection that ends takes along a command with an R2T open'),
  ),
  must(
    '7.7',
    'A length or a header that breaks the framing ends the connection.',
    cursor('a data segment above the maximum is a fault before any of it is awaited; one at the maximum is not'),
    connection('a data segment longer than was declared is rejected, and ends the connection'),
  ),
  must(
    '7.7',
    'A PDU with inconsistent fields is rejected or ends its task, and harms no other.',
    mutation('3000 streams that are nearly right find no defect and hold nothing (seed 1)'),
  ),
  must(
    '7.8',
    'After a wrong header digest nothing of the stream is believed: the connection ends.',
    cursor('a wrong header digest (header) stops the cursor, wherever the stream is split'),
    digests('HeaderDigest=CRC32C, DataDigest=None: a wrong header digest of a command ends the connection without a word (RFC 7143 §7.7)'),
  ),
  must(
    '7.8',
    'A wrong data digest is answered with Reject, reason 0x02, and its data is not used.',
    dataOut('a wrong data digest is answered with a Reject of that very PDU, and the connection ends'),
    cursor('a wrong data digest (data, in-place) is told and the stream goes on'),
  ),
  must(
    '7.9',
    'A Data-Out sequence with a gap or an overlap ends its command with CHECK CONDITION.',
    transfer('solicited: another offset'),
    dataOut('a DataSN that skips one ends the command with CHECK CONDITION once its sequences have ended'),
  ),
  must(
    '7.10',
    'Sense data for a broken Data-Out sequence is ABORTED COMMAND.',
    dataOut('a DataSN that skips one ends the command with CHECK CONDITION once its sequences have ended'),
    testsOf('conformance/iscsi-test-cu')('the iSCSI suites pass without a skip, with digests None, with and without CHAP, --execution inline'),
  ),
  must(
    '7.12',
    'A negotiation that fails in login ends with a Login Response of Status-Class 2 and the connection.',
    login('login fails with 0x0200: a key twice in one text (RFC 7143 §11.13.5)'),
    login('random bytes and flags end in a step each, never in an exception'),
  ),
  must(
    '7.12',
    'A negotiation that fails in full feature is void: what held before goes on to hold.',
    text('a negotiation that is broken off changes nothing'),
    text('F with C, no pairs, endless rounds, too much text and too many keys are protocol errors'),
  ),
  must(
    '7.13',
    'A PDU that does not belong where it comes is a protocol error: rejected, or the connection ends.',
    connection('what is not a login ends a connection that has not logged in, without a word'),
    login('another PDU during login gives 0x020b'),
  ),
  must(
    '7.14',
    'A connection that fails at ErrorRecoveryLevel 0 takes its session and the tasks along, and leaves nothing behind.',
    management('a connection that ends while a worker has its command: slot and memory are not used again before it is back'),
    testsOf('engine/session/chaos')('any schedule of commands, data, aborts, resets and losses, in a small engine: one answer each, and nothing is left'),
  ),
  must(
    '7.15',
    'A session that failed may be opened anew by its initiator port at once.',
    directory('a nexus that comes back is told that it was lost; another port of the same initiator of power on'),
  ),
  must(
    '8.1',
    'A connection is in login, logged in, in logout or free, and goes no other way.',
    connection('logout closes the session; one for another connection does not'),
    connection('what is not a login ends a connection that has not logged in, without a word'),
  ),
  must(
    '8.3',
    'A session is free when its last connection has gone and nothing is kept for it.',
    directory('a nexus that comes back is told that it was lost; another port of the same initiator of power on'),
  ),
  must(
    '10.2',
    'Sense data comes with the response that reports CHECK CONDITION (autosense).',
    connection('a command that returns data and sense data brings both: Data-In, then the SCSI Response'),
  ),
  uncovered('SHOULD', '10.5', 'Considerations for steering layers.', 'No steering layer is offered, see §4.2.9.'),
];
