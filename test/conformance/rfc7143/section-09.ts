import { type ConformanceRow, must, should, testsOf, uncovered } from './row.js';

const exchange = testsOf('engine/login/chap-exchange');
const chapLogin = testsOf('engine/login/chap-login');
const secret = testsOf('engine/login/chap-secret');
const authentication = testsOf('engine/login/login-authentication');
const login = testsOf('engine/login/login-negotiation');

/** Security and its keys: §9 and §12. */
export const section9: readonly ConformanceRow[] = [
  must(
    '9.2',
    'Nobody gets into full feature without having proved who it is, where the target asks for that.',
    chapLogin('no way round CHAP: no security stage'),
  ),
  must('9.2.1', 'CHAP secrets have at least 96 bits.', secret('a secret of 12 bytes is taken, of 11 refused (RFC 7143 §9.2.1)')),
  must(
    '9.2.1',
    'The secrets of the two directions differ.',
    exchange('one secret for both directions is refused at configuration, and at login if it got there'),
  ),
  must(
    '9.2.1',
    'A response is not given to a challenge of our own that was sent back (reflection).',
    exchange('our own challenge sent back is refused, and so is the question of an initiator that has not proved itself (RFC 7143 §9.2.1)'),
  ),
  must(
    '9.2.1',
    'Challenges are unpredictable and never used twice.',
    exchange('challenges and identifiers of two exchanges differ, and a challenge has 32 bytes'),
    chapLogin('the challenge of one login is no good in another'),
  ),
  must(
    '9.2.1',
    'A login that failed ends its connection; a challenge serves one response.',
    exchange('one challenge serves one response: a replay, right or not, is refused'),
  ),
  should(
    '9.2.1',
    'Secrets are shown to nobody, in no message and no log.',
    secret('no way of printing a secret, or what is wrong with one, shows anything of it'),
    chapLogin('a failure tells nothing of the secret or the right response'),
  ),
  must('9.2.1', 'Credentials of discovery may be others than those of a target.', chapLogin('discovery authenticates by credentials of its own')),
  uncovered(
    'MUST',
    '9.3',
    'IPsec with ESP is implemented for all of iSCSI.',
    'A property of the host: IPsec is set up in the operating system below the sockets this program opens.',
  ),
  must(
    '12.1',
    'AuthMethod is a list in order of preference; the first that the target allows is chosen.',
    login('libiscsi: security with CHAP,None, then the operational keys and its names again (RFC 7143 §6.3)'),
  ),
  must(
    '12.1',
    'None is chosen only where the target asks for no proof.',
    login('login fails with 0x0201: None where the target asks for CHAP (RFC 7143 §11.13.5)'),
  ),
  must(
    '12.1',
    'AuthMethod is chosen once; steps of the method keep the stage until they are done.',
    authentication('a wrong answer to a method ends the login, and AuthMethod is not chosen twice'),
    authentication('a method with steps keeps the stage until it is done, whatever T says (RFC 7143 §12.1)'),
  ),
  uncovered('MAY', '12.1.1', 'Kerberos (KRB5).', 'Optional and not offered: an initiator that knows nothing else is answered 0x0201.'),
  uncovered('MAY', '12.1.2', 'SRP.', 'Optional and not offered: an initiator that knows nothing else is answered 0x0201.'),
  must(
    '12.1.3',
    'CHAP_A: the target chooses the first algorithm of the list that it has.',
    exchange('the first of the list that we have is chosen; unknown numbers are passed over'),
  ),
  must(
    '12.1.3',
    'MD5 (5) is implemented; SHA-1 (6), SHA-256 (7) and SHA3-256 (8) by their registered numbers.',
    exchange('algorithm 5, one-way: the known answer to a known challenge (RFC 7143 §12.1.3)'),
    exchange('algorithm 6, one-way: the known answer to a known challenge (RFC 7143 §12.1.3)'),
    exchange('algorithm 7, one-way: the known answer to a known challenge (RFC 7143 §12.1.3)'),
    exchange('algorithm 8, one-way: the known answer to a known challenge (RFC 7143 §12.1.3)'),
  ),
  must(
    '12.1.3',
    'No common algorithm ends the login as a failed authentication.',
    exchange('no common algorithm is a failed authentication, no list of numbers an error of the initiator'),
  ),
  must(
    '12.1.3',
    'The target answers a challenge of the initiator with CHAP_N and CHAP_R (mutual).',
    exchange('algorithm 5, mutual: the target answers with the known response'),
  ),
  must(
    '12.1.3',
    'Keys come in the order CHAP_A, CHAP_I and CHAP_C, CHAP_N and CHAP_R; others end the login.',
    exchange('keys out of their order end the exchange: CHAP_N first, or everything at once'),
  ),
  must(
    '12.1.3',
    'Values are hexadecimal or Base64; a challenge of up to 1024 bytes is answered.',
    exchange('responses and challenges in Base64 and in upper case mean the same'),
    exchange('a CHAP_C of 1024 bytes is answered'),
  ),
  must('12.1.3', 'A wrong response or an unknown name is answered 0x0201.', exchange('refused with 0x0201: a wrong secret')),
];
