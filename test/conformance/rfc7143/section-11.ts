import { type ConformanceRow, may, must, testsOf } from './row.js';

const bhs = testsOf('engine/pdu/bhs');
const ahs = testsOf('engine/pdu/ahs');
const hostileAhs = testsOf('hostile/ahs');
const command = testsOf('engine/pdu/scsi-command');
const cursor = testsOf('engine/net/receive-cursor');
const dataIn = testsOf('engine/task/data-in-transfer');
const transfer = testsOf('engine/task/data-out-transfer');
const anyOrder = testsOf('engine/task/data-out-any-order');
const dataOut = testsOf('engine/session/data-out');
const bidirectional = testsOf('engine/session/bidirectional');
const connection = testsOf('engine/session/connection');
const order = testsOf('engine/session/command-order');
const taskSet = testsOf('engine/task/task-set');
const management = testsOf('engine/session/task-management');

/** PDU formats up to R2T: §11.1 to §11.8. */
export const section11Transfers: readonly ConformanceRow[] = [
  must(
    '11.1',
    'Data segments are padded to words; padding is zero when sent and not looked at when it comes.',
    bhs('segments are padded to four bytes'),
    cursor('padding needs not be zero where no digest covers it'),
  ),
  must(
    '11.2.1',
    'The BHS has 48 bytes; opcode, lengths and task tag stand where they stand in all PDUs.',
    bhs('the common fields tile the 48 bytes'),
    bhs('the common fields are read at their places'),
  ),
  must(
    '11.2.1.2',
    'An opcode that is not known is rejected with reason 0x05 and harms nothing.',
    connection('an opcode that is none is rejected with its header'),
  ),
  must(
    '11.2.1.4',
    'TotalAHSLength counts words and DataSegmentLength bytes without padding.',
    bhs('both lengths at their largest do not spill into each other'),
    command('SCSI Command: TotalAHSLength is sent in words and does not touch DataSegmentLength'),
  ),
  must(
    '11.2.1.7',
    'LUNs are in the form of SAM: peripheral and flat space addressing name units, other forms none.',
    testsOf('engine/pdu/lun')('flat space addressing names LUNs 0 to 16383, small ones too'),
    testsOf('engine/pdu/lun')('logical unit and other extended forms are none of ours'),
  ),
  must(
    '11.2.2',
    'Additional header segments are taken in any order, each padded to words.',
    ahs('both segments in either order'),
    ahs('padding is not looked at'),
  ),
  must(
    '11.2.2.1',
    'A segment of length 0, of an unknown type, repeated or beyond TotalAHSLength is refused and harms nothing.',
    ahs('a segment that overruns the header is refused'),
    ahs('a segment of length 0 is refused'),
    ahs('a repeated segment is refused'),
    ahs('an unknown type is refused, alone and after a legal segment'),
  ),
  must(
    '11.2.2.3',
    'The extended CDB segment carries what of the CDB is beyond 16 bytes, up to 260 bytes in all.',
    ahs('CDBs of every length come back as they were written'),
    ahs('a CDB of exactly 260 bytes fits and one of 261 does not'),
    bidirectional('the CDB length travels with the command: 32-byte commands of each direction, their segments in either order'),
  ),
  must(
    '11.2.2.4',
    'The bidirectional segment carries the expected read length; its length is 5.',
    ahs('a bidirectional read length alone'),
    ahs('a bidirectional segment of another length than 5 is refused'),
  ),
  must(
    '11.2.3',
    'A header digest covers BHS and AHS, a data digest data and padding; both are CRC32C.',
    testsOf('engine/pdu/digest')('padding counts as zeroes'),
    cursor('whole, split at every byte and byte by byte are the same (digests true/true, in-place)'),
  ),
  must(
    '11.3.1',
    'SIMPLE, ORDERED and HEAD OF QUEUE are honoured; untagged counts as SIMPLE.',
    taskSet('an ORDERED task waits for all older ones, and all younger ones wait for it'),
    taskSet('a HEAD OF QUEUE task runs at once, whatever waits, and nobody else is enabled before it has ended'),
    taskSet('SIMPLE and untagged tasks run beside each other'),
  ),
  must(
    '11.3.1',
    'F is 0 only when unsolicited Data-Out follows; then that is waited for.',
    transfer('an unsolicited sequence, then R2Ts for the rest, several at a time'),
  ),
  must(
    '11.3.4',
    'Expected Data Transfer Length bounds what is transferred; differences are residuals.',
    dataOut('what the initiator sends beyond the need of the command is counted as residual, not written'),
    connection('an initiator that takes less than there is gets so much, and is told of the rest'),
  ),
  must(
    '11.3.5',
    'CDBs shorter than 16 bytes are filled up with zeroes.',
    command('SCSI Command: a CDB of six bytes is filled up with zeroes, one of 32 gives its first 16'),
  ),
  must(
    '11.3.6',
    'Immediate data is taken where it was negotiated, up to the least of FirstBurstLength and our segment length.',
    transfer('immediate data alone'),
    dataOut('immediate data beyond FirstBurstLength ends the command'),
  ),
  must(
    '11.4.1',
    'Underflow and overflow are told by U and O, of the bidirectional read part by u and o.',
    command('SCSI Response: each residual flag stands at its bit'),
    bidirectional('each direction has a residual of its own (RFC 7143 §11.4.5)'),
  ),
  must(
    '11.4.2',
    'The SCSI status goes in the SCSI Response as the device server gave it.',
    connection('a handler that throws ends its command with HARDWARE ERROR, and is reported'),
    dataIn('status other than GOOD is never collapsed into Data-In'),
  ),
  must(
    '11.4.5',
    'The residual count is the bytes that were expected and not moved, or needed and not expected.',
    dataOut('an initiator that offers less than the command wants is told of the overflow'),
    dataIn('residual of a read that has less than was expected, RFC 7143 §11.4.5'),
  ),
  must(
    '11.4.6',
    'A bidirectional command has a read residual and a write residual.',
    dataIn('a command with data both ways has its status in a SCSI Response with both residuals'),
  ),
  must(
    '11.4.7',
    'Sense data stands behind its length of two bytes; at most 252 bytes of it.',
    dataIn('the longest sense data fits'),
    dataIn('sense data beyond 252 bytes is cut, with its length'),
  ),
  must(
    '11.4.7',
    'Sense data also goes behind Data-In that came before it.',
    connection('a command that returns data and sense data brings both: Data-In, then the SCSI Response'),
    dataIn('sense data follows the data that came with it, in a SCSI Response'),
  ),
  must(
    '11.4.8',
    'ExpDataSN counts the Data-In PDUs and R2Ts of the command, or is 0.',
    dataIn('ExpDataSN is 0 when there was no Data-In, whatever R2Ts there were, RFC 7143 §11.4.8'),
  ),
  must('11.4.9', 'Every SCSI Response takes a StatSN.', order('CmdSN and StatSN go round')),
  must('11.5.1', 'ABORT TASK stops the task it names.', management('ABORT TASK of a command that a worker has: the response waits until it is back')),
  must(
    '11.5.1',
    'ABORT TASK SET stops the tasks of the nexus on the unit, others not.',
    management('ABORT TASK SET stops the commands of its own nexus on its own logical unit'),
  ),
  must(
    '11.5.1',
    'LOGICAL UNIT RESET stops the tasks of every nexus on the unit, and others are told by unit attention.',
    management('LOGICAL UNIT RESET stops the commands of every nexus, and each learns of it once'),
  ),
  must('11.5.4', 'ABORT TASK of a task that was answered, or never was, is answered accordingly.', management('ABORT TASK of what was answered, or never was')),
  must(
    '11.6.1',
    'A function for a LUN that is not there is answered LUN does not exist, an unknown one function rejected or not supported.',
    management('functions for units that are not there, and functions that are not there'),
  ),
  must(
    '11.7.1',
    'F ends each Data-In sequence, of which none exceeds MaxBurstLength.',
    dataIn('data goes in segments that the initiator takes, with F at the end of each burst'),
  ),
  must(
    '11.7.1',
    'F ends each Data-Out sequence; too soon or missing ends the command.',
    transfer('solicited: F too soon'),
    transfer('solicited: no F at the end'),
    anyOrder('the PDU that makes a burst whole must carry F'),
  ),
  must(
    '11.7.3',
    'Status goes in the last Data-In only when it is GOOD and there is nothing else to tell.',
    dataIn('data and GOOD status travel in one PDU, RFC 7143 §11.7.1'),
    dataIn('sense data that comes with GOOD is not lost in Data-In'),
  ),
  must(
    '11.7.3',
    'Status of a bidirectional command does not go in Data-In.',
    bidirectional('R2Ts and Data-In of one command are one sequence, and its status comes by itself, on LUN 0 (RFC 7143 §4.2.2.4)'),
  ),
  must(
    '11.7.4',
    'Data-Out carries the tag of the R2T it serves, or the reserved one when it is unsolicited.',
    transfer('unsolicited: an R2T that was never sent'),
    dataOut('stray Data-Out does not touch a command that a worker has'),
  ),
  must('11.7.5', 'DataSN of Data-Out starts at 0 for each sequence.', transfer('unsolicited: a skipped DataSN'), transfer('solicited: a skipped DataSN')),
  must(
    '11.7.6',
    'Buffer offsets name bytes of the command once each; what overlaps or leaves a gap ends the command.',
    transfer('unsolicited: an offset in what has arrived'),
    transfer('unsolicited: an offset with a gap'),
    anyOrder('whatever comes, no byte is taken twice and none outside of its sequence (random PDUs against a map)'),
  ),
  must(
    '11.7.7',
    'Data beyond what the sequence is for is not taken.',
    transfer('solicited: more than was asked for'),
    transfer('unsolicited: more than the first burst'),
  ),
  must(
    '11.8',
    'R2Ts ask for what was not sent unsolicited, each for MaxBurstLength at most.',
    transfer('an unsolicited sequence, then R2Ts for the rest, several at a time'),
    transfer('any cut of any command brings every byte once'),
  ),
  must(
    '11.8.4',
    'Desired lengths are not 0 and not beyond the expected length.',
    transfer('only what the command wants is asked for'),
    transfer('a command without Data-Out is complete'),
  ),
  must(
    '11.8.5',
    'Each R2T has a Target Transfer Tag of its own, and data for another tag is not taken.',
    transfer('unsolicited: an R2T that was never sent'),
    dataOut('Data-Out for no task is rejected with its header'),
  ),
  may(
    '11.8',
    'Several R2Ts of a task are outstanding at a time, up to MaxOutstandingR2T.',
    transfer('an unsolicited sequence, then R2Ts for the rest, several at a time'),
    testsOf('initiator/session')('several R2Ts at once, up to MaxOutstandingR2T, are answered in order'),
  ),
  must(
    '11.2.2',
    'A command with a broken AHS gets a Reject, and commands behind it go on.',
    hostileAhs(
      'a segment of an unknown type behind a good one is rejected, and the CmdSN counts as received, in order, early and immediate (RFC 7143 §11.2.2)',
    ),
  ),
];
