import { type ConformanceRow, may, must, should, testsOf, uncovered } from './row.js';

const snack = testsOf('engine/session/snack');
const reassign = testsOf('engine/session/connection-recovery');
const dataOut = testsOf('engine/session/data-out-recovery');
const connections = testsOf('engine/session/multiple-connections');
const logout = testsOf('engine/session/logout');
const functions = testsOf('engine/session/task-functions');
const aca = testsOf('engine/session/aca');
const management = testsOf('engine/session/task-management');
const events = testsOf('engine/session/async-messages');
const chap = testsOf('e2e/chap');
const access = testsOf('engine/session/access');
const hostile = testsOf('hostile/commands');
const framing = testsOf('hostile/framing');

/** Error recovery above level 0, §7 and §11.16. */
const errorRecovery: readonly ConformanceRow[] = [
  must(
    '7.1.4.1',
    'Data-Out that is missing is asked for again by a recovery R2T (level 1).',
    dataOut('a PDU of a solicited sequence is missing: the rest is dropped and asked for again by a recovery R2T, RFC 7143 §7.9'),
    dataOut('Data-Out that stays away is asked for again after a while'),
  ),
  must(
    '7.1.4.2',
    'Responses that were lost are sent again for a Status SNACK, as they were (level 1).',
    snack('Status SNACK: every kind of numbered PDU once more, as it was, and none that is acknowledged'),
  ),
  must(
    '7.1.4.3',
    'Tasks of a lost connection wait for another connection to take them over (level 2).',
    reassign('a read that was answered goes out again by another connection: data from ExpDataSN, then the status, RFC 7143 §7.2.2'),
  ),
  must(
    '7.1.4.4',
    'At level 0 a failed connection means that its session’s tasks end (session recovery).',
    dataOut('at ErrorRecoveryLevel 0 a wrong data digest ends the connection'),
    testsOf('hostile/teardown')(
      'a session that is reinstated while workers have its commands: none of the old ones is answered or lands later (RFC 7143 §6.3.5)',
    ),
  ),
  must(
    '7.1.5',
    'A level brings what the levels below it bring, and nothing of those above.',
    reassign('what is not there, is still allegiant, or is asked for at a lower level'),
    snack('ErrorRecoveryLevel 0: SNACK is rejected, and nothing is kept'),
  ),
  must(
    '7.2.1',
    'A command that comes again with its CmdSN and tag though it had come is ignored, data and all.',
    dataOut('a command that is sent again though it had come is ignored, with all its data, RFC 7143 §7.2.1'),
    hostile('a CmdSN that is kept already is ignored in silence (RFC 7143 §4.2.2.1)'),
  ),
  must(
    '7.2.2',
    'TASK REASSIGN moves the allegiance of a task; what was not acknowledged goes out by the new connection.',
    reassign('a read that was answered goes out again by another connection: data from ExpDataSN, then the status, RFC 7143 §7.2.2'),
    reassign('a write goes on: what its R2Ts did not bring is asked for again by the new connection'),
  ),
  must(
    '7.2.2',
    'A task whose connection is there and was not logged out for recovery is not moved.',
    reassign('what is not there, is still allegiant, or is asked for at a lower level'),
  ),
  must('7.2.2', 'Data is cut anew by what the new connection takes.', reassign('data is cut as the new connection takes it')),
  must(
    '7.6',
    'Tasks that nobody takes over end after DefaultTime2Wait and DefaultTime2Retain.',
    reassign('nobody takes the tasks over: they end after DefaultTime2Wait + DefaultTime2Retain'),
  ),
  must(
    '7.6',
    'The session whose tasks ended with a connection learns of it by a unit attention 47/7F on each logical unit concerned.',
    connections('tasks that end with their connection: each logical unit that had one tells the nexus, RFC 7143 §7.6'),
  ),
  must(
    '7.8',
    'At level 1 and above a wrong data digest of Data-Out leads to a Reject and a recovery R2T, and the task lives.',
    dataOut('a wrong data digest of Data-Out: Reject, then a recovery R2T, RFC 7143 §7.8'),
  ),
  must(
    '7.8',
    'A command whose immediate data has a wrong digest has not been received.',
    dataOut('a command whose immediate data has a wrong digest has not been received: it is sent again with its CmdSN, RFC 7143 §7.8'),
  ),
  must(
    '7.8',
    'A wrong header digest ends the connection, or its PDU is thrown away; here it ends the connection at every level.',
    testsOf('hostile/stream')('a wrong header digest ends the connection without a word (RFC 7143 §7.8, ErrorRecoveryLevel 0)'),
  ),
  must(
    '7.8',
    'A task that loses its data again and again ends with the sense data for CRC errors.',
    dataOut('one that loses its data again and again gets CHECK CONDITION, protocol service CRC error'),
  ),
  should('7.9', 'Any loss of Data-Out leads to the data in the end.', dataOut('any loss of Data-Out PDUs leads to the data in the end, DataPDUInOrder=Yes')),
  must(
    '7.14',
    'A session outlives its last connection by the two times, and its tasks with it at level 2.',
    connections('a session outlives its last connection by DefaultTime2Wait + DefaultTime2Retain, and is continued with its TSIH, RFC 7143 §13.16'),
    reassign('the last connection is lost and nobody comes: session and tasks end'),
  ),
  must(
    '11.16',
    'SNACK is rejected at level 0.',
    framing('SNACK at ErrorRecoveryLevel 0 is rejected (RFC 7143 §11.16)'),
    snack('ErrorRecoveryLevel 0: SNACK is rejected, and nothing is kept'),
  ),
  must(
    '11.16',
    'A SNACK for what was never sent or was acknowledged is rejected as a protocol error.',
    snack('what was never sent, and what is acknowledged, is a protocol error'),
  ),
  must(
    '11.16',
    'A SNACK for what is no longer kept is rejected with reason 0x03.',
    snack('data beyond its bound is given up, the oldest first: a SNACK for it is rejected, and its status can still be had'),
    snack('more responses than are kept: the oldest cannot be had again'),
  ),
  must(
    '11.16.1',
    'Data and R2T SNACK bring the run of PDUs as they were, or all with a RunLength of 0.',
    snack('Data SNACK: the same PDUs once more, a run of them or all, RFC 7143 §11.16'),
    snack('R2T SNACK: R2Ts that are not answered, as they were'),
  ),
  must(
    '11.16.2',
    'DataACK acknowledges what an A bit asked for; an acknowledgement that was not asked for is rejected with reason 0x08.',
    snack('DataACK gives memory free, once for each A bit; others are invalid'),
  ),
  must(
    '11.16.3',
    'R-Data SNACK brings all unacknowledged data in new segments and a response with its SNACK tag and the same StatSN.',
    snack('R-Data SNACK: all data that is not acknowledged in new segments, and a response with its tag and the same StatSN, RFC 7143 §11.16.3'),
  ),
  must(
    '11.4.4',
    'The SNACK tag of a response is that of the R-Data SNACK it follows, else 0.',
    snack('R-Data SNACK: all data that is not acknowledged in new segments, and a response with its tag and the same StatSN, RFC 7143 §11.16.3'),
  ),
  must(
    '11.7.2',
    'A asks for an acknowledgement at level 1 and above, at most once a MaxBurstLength or at the end.',
    snack('DataACK gives memory free, once for each A bit; others are invalid'),
  ),
  must(
    '4.2.2.2',
    'ExpStatSN acknowledges: what is below it need not be kept and is not sent again.',
    snack('ExpStatSN beyond what was sent acknowledges nothing; StatSN wraps around'),
    snack('Status SNACK: every kind of numbered PDU once more, as it was, and none that is acknowledged'),
  ),
  should(
    '10.3',
    'What is kept for recovery is bounded.',
    snack('one command longer than all that may be kept, and no room in the engine: it is answered all the same'),
    snack('thousands of SNACKs: each is answered, or rejected as long as too much waits to be sent; nothing grows'),
  ),
];

/** Several connections in a session, logout and login of single ones. */
const severalConnections: readonly ConformanceRow[] = [
  must(
    '4.2.1',
    'Connections of a session have one CmdSN sequence and a StatSN each.',
    connections('each connection has its own StatSN and its own segment length, all have one window and the parameters of the session'),
  ),
  must(
    '4.2.2.1',
    'Commands of all connections of a session run in the order of their CmdSN.',
    connections('commands of two connections run in the order of their CmdSN, each answered where it came in, RFC 7143 §4.2.2.1'),
  ),
  must(
    '4.2.5.1',
    'A task is answered by the connection that its command came by.',
    connections('commands of two connections run in the order of their CmdSN, each answered where it came in, RFC 7143 §4.2.2.1'),
  ),
  must('4.2.5.3', 'Initiator Task Tags are unique in the whole session.', connections('a task tag is one of the whole session')),
  must(
    '6.3.1',
    'A connection joins a session by its TSIH, of the same initiator port, target and portal group, up to MaxConnections.',
    connections('who may join: the port of the session, with its target, as long as MaxConnections allows, RFC 7143 §6.3.1'),
  ),
  must(
    '6.3.4',
    'A login with the CID of a connection that is there takes its place: the old one ends first.',
    connections('the same CID again takes the place of its connection, whose tasks end at ErrorRecoveryLevel 0, RFC 7143 §6.3.4'),
  ),
  must(
    '6.3.5',
    'Session reinstatement ends all connections of the old session.',
    connections('a new session of the same port ends all connections of the old one, and what waited for it'),
  ),
  must(
    '6.3.6',
    'A failed session is continued by a login with its TSIH.',
    connections('a session outlives its last connection by DefaultTime2Wait + DefaultTime2Retain, and is continued with its TSIH, RFC 7143 §13.16'),
    reassign('the last connection is lost: the session is continued, and its tasks with it'),
  ),
  must(
    '8.2',
    'The loss of one connection leaves the others of the session alone.',
    connections('one connection is lost: its commands end without a word, its early PDUs count as received, the others go on'),
  ),
  must(
    '11.14.1',
    'Reason 0 closes the session with all connections and tasks.',
    logout('a logout that closes the session closes all of its connections'),
    connections('a logout that closes the session closes all its connections and ends all their tasks'),
  ),
  must(
    '11.14.1',
    'Reason 1 closes the connection of the CID, its tasks with it, and no other.',
    connections('a logout that closes one connection ends its tasks alone; by another connection too'),
  ),
  must(
    '11.14.1',
    'Reason 2 takes a connection away for recovery: its tasks wait (level 2).',
    reassign('a logout for recovery of a connection that is there: its tasks wait; the response says how long'),
  ),
  must(
    '11.14.5',
    'The tasks that a logout ends have ended when it is answered.',
    logout('a logout that closes the session stops what is under way, and is answered when it has stopped'),
  ),
  must(
    '11.15.1',
    'Recovery where the level does not have it is answered 2, other failures 3, unknown CIDs 1.',
    logout('a CID that the session does not have: the times mean nothing, and the session goes on'),
    reassign('what is not there, is still allegiant, or is asked for at a lower level'),
  ),
  must(
    '11.15.3',
    'Time2Wait and Time2Retain tell how long the tasks are kept.',
    reassign('a logout for recovery of a connection that is there: its tasks wait; the response says how long'),
  ),
];

/** Task management of RFC 7143 and RFC 7144. */
const taskManagement: readonly ConformanceRow[] = [
  must(
    '4.2.3.3',
    'A function on a task set first waits for the commands that were sent before it.',
    functions('an immediate function on a task set waits for commands that were sent before it (RFC 7143 §4.2.3.3)'),
  ),
  must(
    '4.2.3.3',
    'The function waits for what the initiator still sends for R2Ts of its tasks.',
    functions('function 2 waits for what its initiator still sends for R2Ts, but not for that of others (RFC 7143 §4.2.3.3)'),
  ),
  must(
    '4.2.3.4',
    'With FastAbort nobody waits for Data-Out.',
    functions('FastAbort waits for no Data-Out, and other FastAbort sessions are told of each logical unit (RFC 7143 §4.2.3.4)'),
  ),
  must(
    '11.5.1',
    'CLEAR TASK SET stops the tasks of every nexus, which learn of it by unit attention.',
    functions('CLEAR TASK SET stops the commands of every nexus, and those others learn of it by a unit attention'),
  ),
  must(
    '11.5.1',
    'CLEAR ACA ends the ACA condition of the nexus; without one there is nothing to do.',
    functions('CLEAR ACA: where there is no ACA condition it is complete at once, where there is no unit it is refused'),
    aca('CLEAR ACA lets go on what was blocked, in its order'),
  ),
  must(
    '11.5.1',
    'TARGET WARM RESET resets all units; every nexus learns of it.',
    functions('TARGET WARM RESET stops everything on all logical units, and every nexus learns of it on each'),
  ),
  must(
    '11.5.1',
    'TARGET COLD RESET is as power on: all sessions end.',
    functions('TARGET COLD RESET is a power cycle: it is answered, all sessions are told and end, and who comes back hears of power on'),
  ),
  must('11.5.1', 'TASK REASSIGN needs ErrorRecoveryLevel 2.', reassign('what is not there, is still allegiant, or is asked for at a lower level')),
  must(
    '11.5.5',
    'ABORT TASK of a task that has not come by its RefCmdSN counts that CmdSN as received.',
    functions('ABORT TASK of a command that has not come: its CmdSN counts as received, and it is ignored when it comes (RFC 7143 §11.6.1)'),
  ),
  must('11.5.5', 'A RefCmdSN that cannot be on its way names no task.', functions('ABORT TASK with a RefCmdSN that cannot be on its way')),
  must(
    '11.5.6',
    'TASK REASSIGN carries ExpDataSN: data from there on is sent.',
    reassign('a read that was answered goes out again by another connection: data from ExpDataSN, then the status, RFC 7143 §7.2.2'),
  ),
  must(
    '11.6.1',
    'Each function is answered once, with the response that fits.',
    hostile('task management of tasks and LUNs that are not there says so (RFC 7143 §11.6.1)'),
    management('functions for units that are not there, and functions that are not there'),
  ),
  must(
    '11.6.1',
    'A function whose initiator owes data and never sends it is answered all the same, after a while.',
    functions('an initiator that sends nothing more for its R2Ts gets its response after a while'),
  ),
  must('7144-4', 'The functions of RFC 7144 exist from iSCSIProtocolLevel 2 on.', functions('below iSCSIProtocolLevel 2 there are no functions of RFC 7144')),
  must(
    '7144-4.1',
    'QUERY TASK and QUERY TASK SET tell whether there are tasks, and change nothing.',
    functions('QUERY TASK and QUERY TASK SET tell what is there, and change nothing'),
  ),
  must(
    '7144-4.1',
    'I_T NEXUS RESET stops what one nexus has on all units.',
    functions('I_T NEXUS RESET stops what one nexus has anywhere; it alone learns of it, and its session stays'),
  ),
  must(
    '7144-4.1',
    'QUERY ASYNCHRONOUS EVENT tells the unit attention that is pending, and leaves it.',
    functions('QUERY ASYNCHRONOUS EVENT tells the unit attention that comes next, and leaves it pending'),
  ),
  uncovered('MAY', '7144-4', 'Command priority in the SCSI Command PDU.', 'Optional for the device server: all tasks of a task set have one priority here.'),
];

/** Asynchronous events, redirection and who may come. */
const events11: readonly ConformanceRow[] = [
  must(
    '11.9.1',
    'AsyncEvent 0 reports a SCSI event as sense data, to those who may see the unit.',
    events('event 0 reports a unit attention as sense data, to those that may see the unit'),
  ),
  must(
    '11.9.1',
    'AsyncEvent 1: who does not log out in time is dropped.',
    events('event 1 asks for logout; one that does not follow is told that it is dropped (event 2), and dropped'),
    events('who logs out in time is not dropped for it'),
  ),
  must(
    '11.9.1',
    'AsyncEvent 2: a connection is dropped, with the times to come back.',
    events('event 2: a connection is dropped with the times to come back, and its tasks stop'),
  ),
  must('11.9.1', 'AsyncEvent 3: all connections of the session are dropped.', events('event 3: a session is dropped')),
  must(
    '11.9.1',
    'AsyncEvent 4 asks for renegotiation; who does not answer by a Text Request is dropped.',
    events('event 4 asks for a new negotiation: any Text Request will do, and without one the connection is dropped'),
  ),
  must('11.9', 'Async Messages go to connections in full feature phase only.', events('nobody is told anything during login, or behind a logout')),
  may(
    '11.13.5',
    'Logins are redirected by target and by portal, for a time (0x0101) and for good (0x0102).',
    chap('redirections by target and by portal, temporary and permanent'),
    chap('iscsi-inq follows a redirection to another engine'),
  ),
  must(
    '11.13.5',
    'Who may not use the target is answered 0x0202.',
    access('who fits no rule gets 0x0202, by name and by address'),
    testsOf('engine/login/chap-login')('who has proved to be a user that may not use the target gets 0x0202'),
  ),
  must(
    'C',
    'Discovery tells an initiator of no target that it may not log in to.',
    access('discovery tells of a target only to those who may come to it, by All and by its name'),
    chap('iscsi-ls lists no target that is not for the initiator'),
  ),
  must(
    '12.1.3',
    'Foreign initiators log in by CHAP, one-way and mutual.',
    chap('iscsi-inq by CHAP, one-way and mutual'),
    chap('mutual CHAP over TCP with every algorithm, in hex and in Base64'),
  ),
  must(
    '11.17.1',
    'An initiator’s PDU with a target’s opcode is rejected with reason 0x05.',
    framing('opcode 0x3f from an initiator is rejected as not supported (RFC 7143 §11.17.1)'),
  ),
  must(
    '11.3.1',
    'Data, or F=0, on a command that writes nothing is rejected.',
    hostile('data or a missing F bit on a command that writes nothing is rejected (RFC 7143 §11.3.1)'),
  ),
  must(
    '11.14',
    'What follows a Logout Request on its connection is not looked at.',
    hostile('what follows a Logout Request is not looked at (RFC 7143 §11.14)'),
  ),
  must('6.3', 'A Login Request in full feature phase is rejected.', framing('a Login Request in the full-feature phase is rejected (RFC 7143 §6.3)')),
];

export const recovery: readonly ConformanceRow[] = [...errorRecovery, ...severalConnections, ...taskManagement, ...events11];
