import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  addressBytes,
  delimiter,
  emptyAttribute,
  type IsnsAttribute,
  IsnsTag,
  numberAttribute,
  numberOf,
  parseAttributes,
  textAttribute,
  textOf,
} from '../../../engine/isns/attribute.js';
import {
  deregistrationPayload,
  grantedPeriodSeconds,
  type IsnsRegistration,
  queryPayload,
  registrationMessages,
  tellsOfEntity,
} from '../../../engine/isns/registration.js';

const FIRST = { address: '192.0.2.1', port: 3260, portalGroupTag: 1 };
const SECOND = { address: '2001:db8::1', port: 860, portalGroupTag: 2 };
const LAB: IsnsRegistration = {
  entity: 'laboratory',
  targets: [
    { name: 'iqn.2026-11.io.lunloom:a', alias: 'Älteste', portals: [FIRST, SECOND] },
    { name: 'iqn.2026-11.io.lunloom:b', portals: [SECOND] },
  ],
};

/** One word an attribute, as a person would tell of it. */
function tell(attribute: IsnsAttribute): string {
  const { tag, value } = attribute;
  const name = Object.entries(IsnsTag).find(([, number]) => number === tag)?.[0] ?? String(tag);
  if (value.length === 0) return name;
  if (value.length === 16 && (tag === IsnsTag.portalIpAddress || tag === IsnsTag.portalGroupIpAddress)) return `${name}=${Buffer.from(value).toString('hex')}`;
  return `${name}=${numberOf(attribute) ?? textOf(attribute)}`;
}

function told(payload: Buffer): string[] {
  const attributes = parseAttributes(payload);
  assert.ok(attributes !== null);
  return attributes.map(tell);
}

const [IP_FIRST, IP_SECOND] = [FIRST, SECOND].map(({ address }) => addressBytes(address).toString('hex'));

test('one message registers the entity, its portals, its targets and their portal groups', () => {
  const [message, ...others] = registrationMessages(LAB, 360);
  assert.is(others.length, 0);
  assert.is(message?.replace, true);
  const group = (name: string, ip: string | undefined, port: number, tag: string) => [
    `portalGroupIscsiName=iqn.2026-11.io.lunloom:${name}`,
    `portalGroupIpAddress=${ip}`,
    `portalGroupPort=${port}`,
    `portalGroupTag${tag}`,
  ];
  assert.equal(told((message as { payload: Buffer }).payload), [
    'iscsiName=iqn.2026-11.io.lunloom:a',
    'entityIdentifier=laboratory',
    'delimiter',
    'entityIdentifier=laboratory',
    'entityProtocol=2',
    'registrationPeriod=360',
    `portalIpAddress=${IP_FIRST}`,
    'portalPort=3260',
    `portalIpAddress=${IP_SECOND}`,
    'portalPort=860',
    'iscsiName=iqn.2026-11.io.lunloom:a',
    'iscsiNodeType=1',
    'iscsiAlias=Älteste',
    ...group('a', IP_FIRST, 3260, '=1'),
    ...group('a', IP_SECOND, 860, '=2'),
    'iscsiName=iqn.2026-11.io.lunloom:b',
    'iscsiNodeType=1',
    // Without this the server would believe that b is reached by every portal. RFC 4171 §3.4.
    ...group('b', IP_FIRST, 3260, ''),
    ...group('b', IP_SECOND, 860, '=2'),
  ]);
});

test('many targets go out in several messages, of which only the first replaces', () => {
  const targets = Array.from({ length: 1000 }, (_, index) => ({ name: `iqn.2026-11.io.lunloom:disk${index}`, portals: [FIRST] }));
  const messages = registrationMessages({ entity: 'laboratory', targets }, 60);
  assert.ok(messages.length > 1);
  assert.equal(
    messages.map(({ replace }) => replace),
    messages.map((_, index) => index === 0),
  );
  for (const { payload } of messages) {
    assert.ok(payload.length <= 0xfffc);
    assert.equal(told(payload).slice(0, 4), [
      'iscsiName=iqn.2026-11.io.lunloom:disk0',
      'entityIdentifier=laboratory',
      'delimiter',
      'entityIdentifier=laboratory',
    ]);
  }
  const nodes = messages.flatMap(({ payload }) => told(payload)).filter((line) => line === 'iscsiNodeType=1');
  assert.is(nodes.length, targets.length);
});

test('the query asks for the entity and its period', () => {
  const wanted = ['entityIdentifier', 'registrationPeriod'];
  assert.equal(told(queryPayload(LAB)), ['iscsiName=iqn.2026-11.io.lunloom:a', 'entityIdentifier=laboratory', 'delimiter', ...wanted]);
});

test('the deregistration names the entity behind the delimiter', () => {
  assert.equal(told(deregistrationPayload(LAB)), ['iscsiName=iqn.2026-11.io.lunloom:a', 'delimiter', 'entityIdentifier=laboratory']);
});

test('the granted period is read where there is one', () => {
  assert.is(grantedPeriodSeconds([textAttribute(IsnsTag.entityIdentifier, 'laboratory'), numberAttribute(IsnsTag.registrationPeriod, 90)]), 90);
  assert.is(grantedPeriodSeconds([numberAttribute(IsnsTag.registrationPeriod, 0)]), null);
  assert.is(grantedPeriodSeconds([textAttribute(IsnsTag.registrationPeriod, 'longer')]), null);
  assert.is(grantedPeriodSeconds([]), null);
});

test('an answer tells of the entity when it stands behind the key', () => {
  const entity = textAttribute(IsnsTag.entityIdentifier, 'laboratory');
  assert.ok(tellsOfEntity([entity, delimiter, entity]));
  assert.not(tellsOfEntity([entity, delimiter]));
  assert.not(tellsOfEntity([entity, delimiter, emptyAttribute(IsnsTag.entityIdentifier)]));
});

test.run();
