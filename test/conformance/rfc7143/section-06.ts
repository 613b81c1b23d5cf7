import { type ConformanceRow, may, must, should, testsOf, uncovered } from './row.js';

const login = testsOf('engine/login/login-negotiation');
const authentication = testsOf('engine/login/login-authentication');
const keys = testsOf('engine/login/keys');
const text = testsOf('engine/login/text-negotiation');
const data = testsOf('engine/pdu/text-data');
const values = testsOf('engine/login/chap-values');
const directory = testsOf('engine/session/session-directory');
const properties = testsOf('engine/login/negotiation-properties');
const connection = testsOf('engine/session/connection');

/** Login and negotiation: text, stages, sessions and their reinstatement. */
export const section6: readonly ConformanceRow[] = [
  must('6.1', 'Text is key=value pairs, each ended by a zero byte.', data('pairs come in their order'), data('a line without an equal sign is refused')),
  must(
    '6.1',
    'A key has at most 63 characters; a longer one ends the negotiation.',
    data('a key of 63 characters is legal and one of 64 is not'),
    login('login fails with 0x0200: the name of a key with 64 bytes (RFC 7143 §11.13.5)'),
  ),
  must(
    '6.1',
    'Keys are made of letters, digits and `.-+@_/#`, and not empty.',
    data('characters that no key may hold are refused'),
    data('an empty key is refused'),
    login('login fails with 0x0200: a key without a name (RFC 7143 §11.13.5)'),
  ),
  must('6.1', 'Numbers are decimal or hexadecimal, without sign or blanks.', keys('numbers: decimal and hexadecimal as RFC 7143 §6.1 writes them')),
  must(
    '6.1',
    'Binary values are hexadecimal (0x) or Base64 (0b), and decoded alike.',
    values('hex and Base64 with prefixes and digits of either case (RFC 7143 §6.1)'),
  ),
  must(
    '6.1',
    'Large binary values of at least 1024 bytes are taken, and a bound holds above.',
    values('1024 bytes are taken, one more is not, and huge ones are refused unread'),
  ),
  must('6.1', 'Pairs may be cut anywhere at PDU boundaries and are put together.', data('text that is cut anywhere and put together again is the same text')),
  must(
    '6.2',
    'Each offered key is answered once: a value, Reject, Irrelevant or NotUnderstood.',
    properties('any keys in any order with any values, legal or not: each is answered once, by its result function (2000 seeds)'),
  ),
  must(
    '6.2',
    'A key that is not known is answered NotUnderstood, and the negotiation goes on.',
    text('an unknown key alone is not understood'),
    text('keys of login are rejected, unknown ones not understood, in full feature'),
  ),
  must(
    '6.2',
    'A key that is not relevant now may be answered Irrelevant and has no effect.',
    keys('FirstBurstLength is irrelevant without unsolicited data (RFC 7143 §13.14)'),
  ),
  must(
    '6.2',
    'An inadmissible value is answered Reject, and the value that held goes on to hold.',
    keys('the result of every negotiable key reaches its parameter'),
    text('MaxRecvDataSegmentLength may be declared anew, and holds from the end of the negotiation (RFC 7143 §6.4)'),
  ),
  must(
    '6.2',
    'Reject, Irrelevant and NotUnderstood are not offered as values.',
    login('login fails with 0x0200: an answer constant as an offer (RFC 7143 §11.13.5)'),
  ),
  must('6.2', 'A declaration is not answered, and an answer to ours is not answered again.', login('answers to our declarations are not answered again')),
  must(
    '6.2',
    'A key is not negotiated twice within one negotiation.',
    login('a key negotiated in one round may not come again in the next, a name may be repeated but not changed'),
    login('login fails with 0x0200: a key twice in one text (RFC 7143 §11.13.5)'),
    text('a key twice, in one text or in two of one negotiation, is a protocol error'),
  ),
  must(
    '6.2',
    'A request with the C bit is answered by an empty response without T or F until the text is whole.',
    login('text cut at any byte into continued requests gives what it gives whole (RFC 7143 §11.12.2)'),
    text('text cut at any byte into continued requests gives what it gives whole (RFC 7143 §11.10.2)'),
  ),
  must(
    '6.2',
    'The outcome does not hang on the order of the keys.',
    keys('FirstBurstLength stays within MaxBurstLength in whatever order they come (RFC 7143 §13.14)'),
    properties('any keys in any order with any values, legal or not: each is answered once, by its result function (2000 seeds)'),
  ),
  must('6.2.1', 'Of a list the answer is the first value that the target supports.', keys('HeaderDigest=CRC32C,None is answered HeaderDigest=CRC32C')),
  must(
    '6.2.2',
    'Numbers and booleans are answered by the result function of their key: least, greatest, AND, OR.',
    keys('the result of every negotiable key reaches its parameter'),
  ),
  must(
    '6.3',
    'The first PDU of a connection is a Login Request; anything else ends it.',
    connection('what is not a login ends a connection that has not logged in, without a word'),
  ),
  must('6.3', 'A PDU other than a Login Request during login is answered with status 0x020b and ends it.', login('another PDU during login gives 0x020b')),
  must(
    '6.3',
    'The leading request names the initiator; without that login ends with 0x0207.',
    login('login fails with 0x0207: no InitiatorName (RFC 7143 §11.13.5)'),
  ),
  must(
    '6.3',
    'The leading request of a normal session names the target; without that login ends with 0x0207.',
    login('login fails with 0x0207: no TargetName in a normal session (RFC 7143 §11.13.5)'),
  ),
  must(
    '6.3',
    'A target that is not there is answered 0x0203.',
    login('login fails with 0x0203: an unknown target (RFC 7143 §11.13.5)'),
    directory('a target that is not there'),
  ),
  must(
    '6.3',
    'Stages go from SecurityNegotiation to LoginOperationalNegotiation to FullFeaturePhase; the second or the first may be left out.',
    login('security straight to full feature: no operational stage, so every default holds and our length stays 8192'),
    login('open-iscsi without CHAP: one request from the operational stage to full feature'),
  ),
  must(
    '6.3',
    'A transition backwards, to the same or to a reserved stage ends the login.',
    login('login fails with 0x0200: a transition backwards (RFC 7143 §11.13.5)'),
    login('login fails with 0x0200: a transition to the same stage (RFC 7143 §11.13.5)'),
    login('login fails with 0x0200: a transition to the reserved stage (RFC 7143 §11.13.5)'),
    login('a stage that was left is not entered again'),
  ),
  must(
    '6.3',
    'Operational keys are not taken in SecurityNegotiation.',
    login('operational keys do not belong in SecurityNegotiation, nor AuthMethod behind it (RFC 7143 §13)'),
  ),
  must(
    '6.3',
    'A login of any number of rounds comes to its end; endless ones are cut off.',
    login('endless rounds, endless text and over-long segments end the login'),
    login('Windows: three rounds, the last one empty'),
  ),
  should(
    '6.3',
    'A login that does not come to an end is given up in time.',
    testsOf('hostile/login')('2500 connections with half a login each cost a bounded amount of memory'),
  ),
  must(
    '6.3.1',
    'A TSIH of 0 asks for a new session, which gets a TSIH that is not 0.',
    directory('a login opens a session with a handle, a window and the CmdSN it came with'),
  ),
  must('6.3.1', 'A TSIH that names no session is answered 0x020a.', login('login fails with 0x020a: a session that does not exist (RFC 7143 §11.13.5)')),
  must(
    '6.3.2',
    'Whoever the target wants to authenticate does not reach the next stage without.',
    login('login fails with 0x0201: no AuthMethod where the target asks for CHAP (RFC 7143 §11.13.5)'),
    login('login fails with 0x0201: security skipped where the target asks for CHAP (RFC 7143 §11.13.5)'),
    authentication('an unfinished method lets nobody through'),
  ),
  must(
    '6.3.2',
    'The AuthMethod is the first of the offer that the target allows; none in common ends with 0x0201.',
    login('login fails with 0x0201: an AuthMethod nobody has (RFC 7143 §11.13.5)'),
    login('libiscsi: security with CHAP,None, then the operational keys and its names again (RFC 7143 §6.3)'),
  ),
  must(
    '6.3.2',
    'A target that wants authentication asks for it of an initiator that leaves the choice.',
    testsOf('engine/login/chap-login')('an initiator that leaves the choice to the target is asked for CHAP, and its answer is not answered (RFC 7143 §6.3.2)'),
  ),
  must(
    '6.3.3',
    'The target offers keys of its own where their defaults will not do.',
    login('a burst limit below the default is offered by the target'),
    login('a digest that the target requires is offered by it when the initiator is silent'),
  ),
  must(
    '6.3.3',
    'Nothing that needs full feature phase is negotiated for a connection that joins: leading-only keys are refused.',
    login('a connection that joins a session may not negotiate leading-only keys (RFC 7143 §13)'),
  ),
  must(
    '6.3.5',
    'A leading login of an initiator port that has a session takes its place: the old one ends first, with its tasks.',
    directory('a login of the same port reinstates the session: the old one is gone, its commands with it, RFC 7143 §6.3.5'),
  ),
  must(
    '6.3.5.1',
    'An initiator port that comes back is told that its nexus was lost.',
    directory('a nexus that comes back is told that it was lost; another port of the same initiator of power on'),
  ),
  must(
    '6.4',
    'What is negotiated by text in full feature holds when that negotiation ends well, and not before.',
    text('MaxRecvDataSegmentLength may be declared anew, and holds from the end of the negotiation (RFC 7143 §6.4)'),
    text('a negotiation that is broken off changes nothing'),
  ),
  must(
    '6.4',
    'Keys of login only are rejected in full feature phase.',
    text('keys of login are rejected, unknown ones not understood, in full feature'),
    keys('every key of the table is tried in every place'),
  ),
  may(
    '6.3',
    'The initiator may say who it is in each stage; the same name again harms nothing.',
    login('a key negotiated in one round may not come again in the next, a name may be repeated but not changed'),
  ),
  must(
    '6.3',
    'Who a login is for cannot be changed once that has been looked at.',
    login('a session cannot turn into discovery, nor get a target, once it was let in as something else'),
  ),
  uncovered(
    'MAY',
    '6.4',
    'The target starts a text negotiation of its own.',
    'It has nothing to renegotiate by itself; it asks for renegotiation by Async Message where it must.',
  ),
];
