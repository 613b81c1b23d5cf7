import { type ConformanceRow, may, must, should, testsOf, uncovered } from './row.js';

const keys = testsOf('engine/login/keys');
const login = testsOf('engine/login/login-negotiation');
const text = testsOf('engine/login/text-negotiation');
const rules = testsOf('engine/session/transfer-rules');
const portals = testsOf('e2e/portals');
const advertised = testsOf('engine/login/advertised-portals');
const directory = testsOf('engine/session/session-directory');
const dataOut = testsOf('engine/session/data-out');

/** Operational keys, and SendTargets of Appendix C. */
export const section13: readonly ConformanceRow[] = [
  must('13', 'Each key is taken in its phase, from its sender and in its scope only.', keys('every key of the table is tried in every place')),
  must('13', 'A key that is not negotiated stands at its default.', keys('the table names each key once and its defaults are those of the parameters')),
  must(
    '13.1',
    'HeaderDigest and DataDigest: CRC32C and None, each on its own, by the order of the offer.',
    keys('HeaderDigest=CRC32C,None is answered HeaderDigest=CRC32C'),
    keys('HeaderDigest=None,CRC32C is answered HeaderDigest=None'),
  ),
  must(
    '13.1',
    'Digests hold from the first PDU behind the final Login Response, both ways.',
    testsOf('engine/session/connection')('digests hold from the PDU after the login response'),
  ),
  must('13.1', 'CRC32C is computed as Appendix A.4 shows.', testsOf('engine/pdu/digest')('RFC 7143 Appendix A.4: 32 bytes of zeroes')),
  should(
    '13.1',
    'A target may insist on digests, and offers them where the initiator is silent.',
    login('a digest that the target requires is offered by it when the initiator is silent'),
  ),
  must(
    '13.2',
    'MaxConnections: the lesser of both, 1 to 65535.',
    keys('MaxConnections=65535 is answered MaxConnections=8'),
    keys('MaxConnections=0 is answered MaxConnections=Reject'),
  ),
  must(
    '13.3',
    'SendTargets is taken in full feature phase only.',
    login('operational keys do not belong in SecurityNegotiation, nor AuthMethod behind it (RFC 7143 §13)'),
    keys('every key of the table is tried in every place'),
  ),
  must(
    '13.4',
    'TargetName is required of the first request of a normal session and stays.',
    login('login fails with 0x0207: no TargetName in a normal session (RFC 7143 §11.13.5)'),
    login('a session cannot turn into discovery, nor get a target, once it was let in as something else'),
  ),
  must('13.5', 'InitiatorName is required of the first request of every connection.', login('login fails with 0x0207: no InitiatorName (RFC 7143 §11.13.5)')),
  should(
    '13.6',
    'A TargetAlias that is configured is told in the login of a normal session.',
    portals('the login tells the portal group and the alias of the target'),
  ),
  may('13.7', 'InitiatorAlias is taken note of, in login and later.', keys('every key of the table is tried in every place')),
  must(
    '13.8',
    'TargetAddress is address, port and portal group tag; IPv6 stands in brackets.',
    text('target addresses: IPv6 in brackets and without zone, mapped IPv4 as IPv4 (RFC 7143 §13.8)'),
    portals('IPv6: portals of both families, brackets in discovery, and a wildcard that serves both'),
  ),
  must('13.8', 'A redirected login carries a TargetAddress.', login('a target that moved says where to')),
  must(
    '13.9',
    'The first Login Response of a normal session tells the TargetPortalGroupTag of the portal that was used.',
    portals('the login tells the portal group and the alias of the target'),
  ),
  must('13.9', 'A discovery session is told no TargetPortalGroupTag.', portals('the login tells the portal group and the alias of the target')),
  must(
    '13.10',
    'InitialR2T: Yes when either says Yes; then no unsolicited Data-Out is taken.',
    keys('InitialR2T=Yes is answered InitialR2T=Yes'),
    dataOut('unsolicited data where InitialR2T=Yes, and immediate data where ImmediateData=No, end the command'),
  ),
  must(
    '13.11',
    'ImmediateData: No when either says No; then none is taken.',
    keys('ImmediateData=No is answered ImmediateData=No'),
    dataOut('unsolicited data where InitialR2T=Yes, and immediate data where ImmediateData=No, end the command'),
  ),
  must(
    '13.10',
    'All four combinations of InitialR2T and ImmediateData move every byte.',
    rules('InitialR2T=Yes, ImmediateData=No, DataPDUInOrder=No, the least bursts: every byte is written and read back (RFC 7143 §13.10 to §13.19)'),
  ),
  must(
    '13.12',
    'MaxRecvDataSegmentLength is declared, 512 to 2^24-1, and holds for the one direction.',
    keys('MaxRecvDataSegmentLength=511 is answered MaxRecvDataSegmentLength=Reject'),
    keys('MaxRecvDataSegmentLength=512 is answered with nothing'),
  ),
  must(
    '13.12',
    'Neither side sends a data segment longer than the other declared; 8192 holds until it did.',
    testsOf('engine/task/data-in-transfer')('data goes in segments that the initiator takes, with F at the end of each burst'),
    login('an answer beyond 8192 bytes goes out with the C bit, and T only with its end (RFC 7143 §11.13.7)'),
  ),
  must(
    '13.13',
    'MaxBurstLength: the lesser of both, 512 to 2^24-1; bounds each R2T and each Data-In sequence.',
    keys('MaxBurstLength=16777215 is answered MaxBurstLength=1048576'),
    keys('MaxBurstLength=511 is answered MaxBurstLength=Reject'),
    testsOf('engine/task/data-in-transfer')('data goes in segments that the initiator takes, with F at the end of each burst'),
  ),
  must(
    '13.14',
    'FirstBurstLength: the lesser of both and never above MaxBurstLength.',
    keys('FirstBurstLength stays within MaxBurstLength in whatever order they come (RFC 7143 §13.14)'),
    login('MaxBurstLength bounds a FirstBurstLength that was settled a round before (RFC 7143 §13.14)'),
  ),
  must(
    '13.14',
    'FirstBurstLength is irrelevant when there is neither immediate nor unsolicited data.',
    keys('FirstBurstLength is irrelevant without unsolicited data (RFC 7143 §13.14)'),
  ),
  must(
    '13.15',
    'DefaultTime2Wait: the greater of both, 0 to 3600 seconds.',
    keys('DefaultTime2Wait=0 is answered DefaultTime2Wait=2'),
    keys('DefaultTime2Wait=3601 is answered DefaultTime2Wait=Reject'),
  ),
  must('13.16', 'DefaultTime2Retain: the lesser of both, 0 to 3600 seconds.', keys('DefaultTime2Retain=3600 is answered DefaultTime2Retain=20')),
  must(
    '13.17',
    'MaxOutstandingR2T: the lesser of both; so many R2Ts of a task are outstanding at most.',
    testsOf('engine/task/data-out-transfer')('an unsolicited sequence, then R2Ts for the rest, several at a time'),
    keys('the result of every negotiable key reaches its parameter'),
  ),
  must(
    '13.18',
    'DataPDUInOrder: Yes when either says Yes; with No, PDUs of a sequence come in any order.',
    testsOf('engine/task/data-out-any-order')('any order of any cut of any command brings every byte once, sequences in any order too'),
    testsOf('engine/task/data-out-any-order')('an in-order command after one in any order is held to the order again'),
  ),
  must(
    '13.19',
    'DataSequenceInOrder: Yes when either says Yes; with No, sequences come in any order.',
    testsOf('engine/task/data-out-any-order')('any order of any cut of any command brings every byte once, sequences in any order too'),
  ),
  must('13.20', 'ErrorRecoveryLevel: the lesser of both, 0 to 2.', keys('the result of every negotiable key reaches its parameter')),
  must(
    '13.21',
    'SessionType is Normal unless said; other values end the login.',
    login('SessionType defaults to Normal'),
    login('login fails with 0x0209: an unknown SessionType (RFC 7143 §11.13.5)'),
  ),
  must(
    '13.22',
    'X- keys of others are NotUnderstood and harm nothing.',
    text('an unknown key alone is not understood'),
    testsOf('engine/pdu/text-data')('vendor and extension keys are legal'),
  ),
  must(
    '13.23',
    'TaskReporting is negotiated as a list; RFC3720 where nothing is said.',
    keys('the result of every negotiable key reaches its parameter'),
    keys('the table names each key once and its defaults are those of the parameters'),
  ),
  must(
    '13.24',
    'iSCSIProtocolLevel: the lesser of both; 1 where nothing is said.',
    keys('the result of every negotiable key reaches its parameter'),
    keys('the table names each key once and its defaults are those of the parameters'),
  ),
  must(
    '13.25',
    'The obsolete marker keys are answered and not NotUnderstood.',
    login('open-iscsi without CHAP: one request from the operational stage to full feature'),
  ),
  may('13.26', 'X#NodeArchitecture may be declared and changes nothing.', keys('every key of the table is tried in every place')),
  must(
    'C',
    'SendTargets=All in a discovery session tells all targets that the initiator may see.',
    text('SendTargets: All in a discovery session (RFC 7143 Appendix C)'),
    testsOf('e2e/iscsi-tools')('iscsi-ls lists every target with its portal and its logical units'),
  ),
  must(
    'C',
    'SendTargets with a name tells that target, in discovery and, when it is its own, in a normal session.',
    text('SendTargets: a name in a discovery session (RFC 7143 Appendix C)'),
    text('SendTargets: its own name in a normal session (RFC 7143 Appendix C)'),
  ),
  must(
    'C',
    'SendTargets with no value tells the target of a normal session, and is refused in discovery.',
    text('SendTargets: nothing in a normal session (RFC 7143 Appendix C)'),
    text('SendTargets= in a discovery session is rejected'),
  ),
  must(
    'C',
    'A normal session is told of no target but its own.',
    text('SendTargets: another name in a normal session (RFC 7143 Appendix C)'),
    portals('SendTargets in a normal session: its own target and no other, whatever is asked'),
  ),
  uncovered(
    'MUST',
    'C',
    'SendTargets=All is not supported in a normal session.',
    'Deviation: it tells the session’s own target, which is no secret to it: libiscsi’s iSCSISendTargets.Simple fails targets that reject it.',
  ),
  must(
    'C',
    'Each target is told with all portals and groups by which it is reached from where the initiator came.',
    portals('several portals: each is told with its group, first the one that was asked'),
    directory('a discovery session serves SendTargets and logout, and rejects the rest'),
    advertised('loopback is told on loopback only'),
  ),
  must(
    'C',
    'A wildcard address is told as the address that the initiator can use.',
    portals('a wildcard is told as the address that the initiator reached'),
    advertised('a wildcard is told as the address that was reached'),
  ),
  must(
    'C',
    'A list longer than a text PDU goes on in further ones.',
    text('a long list goes out in pieces with C set and F clear, each asked for with its tag (RFC 7143 §11.11)'),
    portals('a long list comes in text PDUs of the initiator’s length, whole and in order'),
  ),
];
