import { type ConformanceRow, must, testsOf, uncovered } from './row.js';

const authentication = testsOf('engine/login/login-authentication');
const login = testsOf('engine/login/login-negotiation');
const text = testsOf('engine/login/text-negotiation');
const connection = testsOf('engine/session/connection');
const keepalive = testsOf('engine/session/keepalive');
const order = testsOf('engine/session/command-order');
const directory = testsOf('engine/session/session-directory');
const dataOut = testsOf('engine/session/data-out');
const digests = testsOf('hostile/digests');
const stop = testsOf('e2e/stop');
const loginCodec = testsOf('engine/pdu/login');

/** PDU formats from Async Message on: §11.9 to §11.19. */
export const section11Control: readonly ConformanceRow[] = [
  must(
    '11.9.1',
    'AsyncEvent 1 asks the initiators of a target that stops to log out.',
    connection('a target that wants to stop asks for logout once, and gets it'),
    stop('SIGTERM: initiators are asked to log out, and when they have, the process ends with 0'),
  ),
  must(
    '11.10.2',
    'F and C do not stand together in a Text Request.',
    text('F with C, no pairs, endless rounds, too much text and too many keys are protocol errors'),
  ),
  must(
    '11.10.4',
    'A Text Request goes on with the Target Transfer Tag that was given out last; the reserved one starts anew.',
    text('a tag that is not the one given out, or of another task, is rejected and ends nothing'),
    text('a request with the reserved tag ends the negotiation of the same task and starts anew (RFC 7143 §11.10.4)'),
  ),
  must(
    '11.11.1',
    'F answers F, and only when the whole answer is out.',
    text('a long list goes out in pieces with C set and F clear, each asked for with its tag (RFC 7143 §11.11)'),
  ),
  must(
    '11.11.2',
    'The rest of an answer with C is asked for by empty requests; text there ends the negotiation.',
    text('text instead of an empty request, while our answer is under way, ends the negotiation'),
  ),
  must(
    '11.11.4',
    'A Text Response with F has the reserved Target Transfer Tag, others have one of their own.',
    text('SendTargets: All in a discovery session (RFC 7143 Appendix C)'),
    text('a long list goes out in pieces with C set and F clear, each asked for with its tag (RFC 7143 §11.11)'),
  ),
  must(
    '11.12.1',
    'T without readiness of the target keeps the stage.',
    authentication('a method with steps keeps the stage until it is done, whatever T says (RFC 7143 §12.1)'),
  ),
  must('11.12.2', 'T and C do not stand together.', login('the T and C bits exclude each other')),
  must(
    '11.12.3',
    'CSG is the stage that the connection is in; reserved stages end the login.',
    login('login fails with 0x0200: a stage that is reserved (RFC 7143 §11.13.5)'),
    login('login fails with 0x0200: a login that begins in full feature (RFC 7143 §11.13.5)'),
  ),
  must(
    '11.12.4',
    'A range of versions that holds 0 is taken, another is answered 0x0205.',
    login('a version above 0 is not supported, a range that holds 0 is (RFC 7143 §11.12.4)'),
  ),
  must(
    '11.12.5',
    'ISID, TSIH, CID and Initiator Task Tag stay what they were through a login.',
    login('a login keeps its isid'),
    login('a login keeps its tsih'),
    login('a login keeps its cid'),
    loginCodec('an ISID is twelve digits even where bytes are small, so that equal ISIDs are equal keys'),
  ),
  must('11.12.10', 'The data segment of a Login Request has 8192 bytes at most.', login('endless rounds, endless text and over-long segments end the login')),
  must(
    '11.13.3',
    'The final Login Response of a leading login carries the new TSIH.',
    directory('a login opens a session with a handle, a window and the CmdSN it came with'),
  ),
  must(
    '11.13.4',
    'StatSN of the first Login Response is the ExpStatSN of the request.',
    directory('a login opens a session with a handle, a window and the CmdSN it came with'),
  ),
  must(
    '11.13.5',
    'A login that fails carries Status-Class and Status-Detail of its cause, and the connection closes.',
    login('login fails with 0x0202: a target that is not for this initiator (RFC 7143 §11.13.5)'),
    login('login fails with 0x0204: a removed target (RFC 7143 §11.13.5)'),
    login('login fails with 0x0206: too many connections (RFC 7143 §11.13.5)'),
  ),
  must('11.13.5', 'Redirection (0x0101, 0x0102) carries a TargetAddress.', login('a target that moved says where to')),
  must(
    '11.13.6',
    'T is answered with T, CSG and NSG when the target is ready too.',
    login('Windows: three rounds, the last one empty'),
    login('security straight to full feature: no operational stage, so every default holds and our length stays 8192'),
  ),
  must(
    '11.13.7',
    'An answer longer than 8192 bytes goes out with C and no T until its end.',
    login('an answer beyond 8192 bytes goes out with the C bit, and T only with its end (RFC 7143 §11.13.7)'),
    login('text while our answer is under way ends the login'),
  ),
  must(
    '11.14',
    'Logout for the session ends its tasks and the connection, and is answered first.',
    connection('logout closes the session; one for another connection does not'),
  ),
  must(
    '11.14',
    'A logout takes its turn by CmdSN; nothing behind it runs.',
    order('a logout that came early ends the connection in its turn, and nothing behind it runs'),
  ),
  must(
    '11.14',
    'Commands before a logout that were acknowledged are not lost.',
    stop('inline: a logout behind commands that are on their way loses none that was acknowledged'),
  ),
  must('11.15.1', 'A CID that is not there is answered 1, CID not found.', connection('logout closes the session; one for another connection does not')),
  must(
    '11.17',
    'A Reject carries reason, StatSN and the complete header of the PDU it is for.',
    connection('an opcode that is none is rejected with its header'),
    dataOut('a wrong data digest is answered with a Reject of that very PDU, and the connection ends'),
  ),
  must('11.17.1', 'Reason 0x02 for a wrong data digest.', dataOut('a wrong data digest is answered with a Reject of that very PDU, and the connection ends')),
  must('11.17.1', 'Reason 0x05 for what is not supported.', connection('an opcode that is none is rejected with its header')),
  must(
    '11.17.1',
    'Reason 0x06 for more immediate commands than there is room for.',
    order('more immediate commands than the bound are rejected; the bound frees itself'),
  ),
  must('11.17.1', 'Reason 0x07 for a task tag that is in use.', order('a task tag in use, and the reserved one, are rejected')),
  must(
    '11.18',
    'A ping is answered by a NOP-In with its tag and as much of its data as the initiator takes.',
    connection('a ping comes back with its data, as far as the initiator takes it'),
  ),
  must(
    '11.18.2',
    'A NOP-Out with a Target Transfer Tag answers ours and is not answered.',
    keepalive('an answer to another ping does not count as one, but shows life'),
    keepalive('a silent initiator is asked whether it lives, and stays when it answers'),
  ),
  must(
    '11.19',
    'A NOP-In that asks has a Target Transfer Tag, the reserved Initiator Task Tag and takes no StatSN.',
    keepalive('a silent initiator is asked whether it lives, and stays when it answers'),
  ),
  must(
    '11.2.3',
    'Async Messages and all other PDUs carry the digests that were negotiated.',
    digests('HeaderDigest=CRC32C, DataDigest=CRC32C: an Async Message carries them too'),
  ),
  uncovered('MAY', '11.9.2', 'Vendor codes of Async Messages.', 'None are sent: there is no event of our own that needs one.'),
];
