import { type ConformanceRow, may, must, should, testsOf, uncovered } from './row.js';

const fence = testsOf('engine/session/response-fence');
const order = testsOf('engine/session/command-order');
const window = testsOf('engine/session/command-window');
const directory = testsOf('engine/session/session-directory');
const groups = testsOf('engine/session/portal-groups');
const connection = testsOf('engine/session/connection');
const dataIn = testsOf('engine/task/data-in-transfer');
const dataOut = testsOf('engine/task/data-out-transfer');
const bidirectional = testsOf('engine/session/bidirectional');
const management = testsOf('engine/session/task-management');
const names = testsOf('engine/login/iscsi-name');
const names2 = testsOf('engine/config/scalars');
const portals = testsOf('e2e/portals');
const access = testsOf('engine/session/admission');

/** Overview: numbering, ordering, task management, names, and how SCSI maps onto sessions. */
export const section4: readonly ConformanceRow[] = [
  must(
    '4.1',
    'A portal group is a set of portals by which the connections of one session may come; another group is another target port.',
    groups('a portal group is a target port of its own: name, identifier and nexus'),
  ),
  must(
    '4.2.2.1',
    'Non-immediate commands go to the device server in the order of CmdSN, whatever order they come in.',
    order('what comes early waits for its turn, commands and control PDUs alike'),
    window('any order of arrival is executed in the order of CmdSN, once each, and MaxCmdSN never falls'),
  ),
  must(
    '4.2.2.1',
    'A non-immediate command with a CmdSN outside of ExpCmdSN..MaxCmdSN, or one that came before, is ignored in silence.',
    order('duplicates and what lies beyond MaxCmdSN are ignored without a word, data and all'),
  ),
  must(
    '4.2.2.1',
    'Serial numbers compare by serial arithmetic and go round from 2^32-1 to 0.',
    window('serial numbers compare across the wrap, RFC 1982'),
    order('CmdSN and StatSN go round'),
  ),
  must(
    '4.2.2.1',
    'An immediate command carries the next CmdSN without using it up and is considered for execution as soon as it comes.',
    order('immediate commands stand outside the order'),
  ),
  must(
    '4.2.2.1',
    'MaxCmdSN and ExpCmdSN never go back: a smaller value than before is not sent.',
    order('MaxCmdSN never falls, and leaves room for one command at least once nothing is outstanding'),
  ),
  must('4.2.2.1', 'MaxCmdSN is no less than ExpCmdSN - 1.', window('a window of four that begins at 7ffffffe')),
  must(
    '4.2.2.1',
    'The target has room for one immediate command at least, whatever the window says.',
    order('more immediate commands than the bound are rejected; the bound frees itself'),
  ),
  must(
    '4.2.2.1',
    'CmdSN of the session starts at that of the leading Login Request.',
    directory('a login opens a session with a handle, a window and the CmdSN it came with'),
  ),
  must(
    '4.2.2.1',
    'A command that was rejected by a Reject PDU counts as received: its CmdSN is used up.',
    order('a rejected command uses up its CmdSN, in its turn and before it'),
  ),
  should(
    '4.2.2.1',
    'The window closes while resources are short and opens again.',
    access('the window is the limit, or the share of a session, and an eighth of it in a shortage'),
  ),
  must('4.2.2.2', 'StatSN goes up by one with every response of a connection, serially and round.', order('CmdSN and StatSN go round')),
  must(
    '4.2.2.2',
    'The first StatSN of a connection is the ExpStatSN of its first Login Request.',
    directory('a login opens a session with a handle, a window and the CmdSN it came with'),
  ),
  must(
    '4.2.2.4',
    'Data-In PDUs of a command are numbered by DataSN from 0 without gaps.',
    dataIn('data goes in segments that the initiator takes, with F at the end of each burst'),
  ),
  must('4.2.2.4', 'R2Ts of a command are numbered by R2TSN from 0.', dataOut('R2TSN counts the R2Ts of a command and begins anew with the next')),
  must(
    '4.2.2.4',
    'R2Ts and Data-In PDUs of a bidirectional command share one sequence of numbers.',
    bidirectional('R2Ts and Data-In of one command are one sequence, and its status comes by itself, on LUN 0 (RFC 7143 §4.2.2.4)'),
    dataIn('Data-In of a bidirectional command is numbered behind its R2Ts, RFC 7143 §4.2.2.4'),
  ),
  must(
    '4.2.2.4',
    'DataSN of a Data-Out sequence starts at 0 and counts up; what breaks it is an error of the sequence.',
    dataOut('unsolicited: a skipped DataSN'),
    dataOut('solicited: a skipped DataSN'),
  ),
  must(
    '4.2.3.2',
    'A multi-task function affects the tasks of its own I_T_L nexus, or of the unit, as the function says.',
    management('ABORT TASK SET stops the commands of its own nexus on its own logical unit'),
    management('LOGICAL UNIT RESET stops the commands of every nexus, and each learns of it once'),
  ),
  must(
    '4.2.3.3',
    'The response to a task management function is sent when the affected tasks have really ended.',
    management('ABORT TASK of a command that a worker has: the response waits until it is back'),
  ),
  must(
    '4.2.3.3',
    'No response of an affected task is sent after that of the function.',
    management('ABORT TASK of a command that a worker has: the response waits until it is back'),
    testsOf('engine/session/chaos')('any schedule of commands, data, aborts, resets and losses, in a small engine: one answer each, and nothing is left'),
  ),
  must(
    '4.2.5.1',
    'All PDUs of a task go over the connection that its command came by.',
    testsOf('engine/session/data-out')('Data-Out for no task is rejected with its header'),
  ),
  must(
    '4.2.5.2',
    'The target neither asks for more than the expected data transfer length nor sends more.',
    dataOut('only what the command wants is asked for'),
    connection('an initiator that takes less than there is gets so much, and is told of the rest'),
  ),
  must(
    '4.2.5.2',
    'Unsolicited data of a command does not exceed FirstBurstLength; more ends the command.',
    dataOut('unsolicited: more than the first burst'),
    testsOf('engine/session/data-out')('immediate data beyond FirstBurstLength ends the command'),
  ),
  must('4.2.5.3', 'An Initiator Task Tag that is in use is not taken for another task.', order('a task tag in use, and the reserved one, are rejected')),
  must(
    '4.2.6',
    'A connection that ends takes its tasks along, unless they are kept for recovery.',
    management('a connection that ends takes along a command with an R2T open'),
  ),
  must('4.2.7.1', 'A target node has a name of its own in one of the forms iqn., eui. and naa.', names2('iSCSI names in all three forms (RFC 7143 §4.2.7)')),
  must(
    '4.2.7.2',
    'Names are UTF-8 in normal form; two spellings of one name are one name.',
    names('two spellings of one character are one name (RFC 3722)'),
    names('names are UTF-8 on the wire, and what is not is no name'),
  ),
  must('4.2.7.2', 'Names have at most 223 bytes.', names2('iSCSI names in all three forms (RFC 7143 §4.2.7)')),
  must(
    '4.2.7.3',
    'Names are compared without regard to case.',
    testsOf('engine/login/text-negotiation')('SendTargets: a name in other letters (RFC 7143 Appendix C)'),
  ),
  must(
    '4.3',
    'In a discovery session only SendTargets, logout and what keeps the connection alive are served.',
    directory('a discovery session serves SendTargets and logout, and rejects the rest'),
  ),
  must(
    '4.4.1',
    'The SCSI target port name is the target name, `,t,0x` and the portal group tag in four digits.',
    groups('a portal group is a target port of its own: name, identifier and nexus'),
    testsOf('e2e/iscsi-tools')('iscsi-inq reads the designators of page 83h, and no two units share one'),
  ),
  must(
    '4.4.2',
    'The SCSI initiator port name is the initiator name, `,i,0x` and the ISID in twelve digits.',
    directory('a login opens a session with a handle, a window and the CmdSN it came with'),
  ),
  must(
    '4.4.3.1',
    'One initiator port (name and ISID) has one session with one target port at a time.',
    directory('a login of the same port reinstates the session: the old one is gone, its commands with it, RFC 7143 §6.3.5'),
    groups('the same ISID reinstates a session of the same portal group only (RFC 7143 §6.3.5)'),
  ),
  must('4.4.3.1', 'Ports that differ in name or ISID have sessions side by side.', directory('ports that differ in name or ISID do not disturb each other')),
  may(
    '4.4',
    'Targets may be bound to some of the portal groups of a network entity.',
    portals('a target of one group is found, told and reached by its portals only'),
  ),
  must(
    '4.2.2.3',
    'Responses of one connection are sent in the order that their tasks ended, and numbered so.',
    order('CmdSN and StatSN go round'),
    management('ABORT TASK of a command that a worker has: the response waits until it is back'),
  ),
  must(
    '4.2.2.3.3',
    'With TaskReporting ResponseFence or FastAbort a fenced response waits for those before it on other connections, and those behind it for it.',
    fence('the response of a reset waits for answers on other connections to arrive, and answers behind it wait for it'),
    fence('functions that wait for each other keep their order'),
  ),
  must('4.2.2.3.3', 'A connection that is lost holds up no fence.', fence('a connection that is lost holds up no fence, and takes along what waits for it')),
  must(
    '4.2.2.3.4',
    'Without those values of TaskReporting, or with one connection, nothing is held back.',
    fence('one connection, or TaskReporting=RFC3720, has no fence'),
  ),
  uncovered(
    'MAY',
    '4.2.9',
    'Synchronization and steering of the stream beyond length fields.',
    'Markers are obsolete (§13.25) and no steering layer such as iSER is offered.',
  ),
  uncovered(
    'SHOULD',
    '5',
    'Mode pages for iSCSI: disconnect-reconnect page limits and the protocol specific pages.',
    'MODE SELECT is later work; the pages that are there say nothing of the transport.',
  ),
];
