import {
  addressAttribute,
  delimiter,
  ENTITY_PROTOCOL_ISCSI,
  emptyAttribute,
  encodeAttributes,
  type IsnsAttribute,
  IsnsTag,
  NODE_TYPE_TARGET,
  numberAttribute,
  numberOf,
  textAttribute,
} from './attribute.js';
import { PAYLOAD_LENGTH_BYTES_MAX } from './message.js';

export interface IsnsPortal {
  readonly address: string;
  readonly port: number;
  readonly portalGroupTag: number;
}

export interface IsnsTarget {
  readonly name: string;
  readonly alias?: string;
  /** Those by which it is reached. */
  readonly portals: readonly IsnsPortal[];
}

/** What is registered: one entity with its portals, targets and portal groups. RFC 4171 §3.2. */
export interface IsnsRegistration {
  readonly entity: string;
  /** At least one. */
  readonly targets: readonly IsnsTarget[];
}

export interface RegistrationMessage {
  /** Only the first one makes a clean sweep. */
  readonly replace: boolean;
  readonly payload: Buffer;
}

/** Every message says who sends it, by a name that the entity has. RFC 4171 §5.6.1. */
function sourceOf({ targets }: IsnsRegistration): IsnsAttribute {
  return textAttribute(IsnsTag.iscsiName, targets[0]?.name ?? '');
}

/** The portals of all targets, each once. */
function portalsOf({ targets }: IsnsRegistration): IsnsPortal[] {
  const byText = new Map<string, IsnsPortal>();
  for (const { portals } of targets) for (const portal of portals) byText.set(`${portal.address} ${portal.port}`, portal);
  return [...byText.values()];
}

/**
 * The objects of one target: its node, and what ties that to the portals of the entity. Without a word the server would put every
 * portal into group 1 of every target; a tag of no length says that the target is not reached by a portal. RFC 4171 §3.4.
 */
function targetObjects({ name, alias, portals }: IsnsTarget, entityPortals: readonly IsnsPortal[]): IsnsAttribute[][] {
  const node = [textAttribute(IsnsTag.iscsiName, name), numberAttribute(IsnsTag.iscsiNodeType, NODE_TYPE_TARGET)];
  if (alias !== undefined) node.push(textAttribute(IsnsTag.iscsiAlias, alias));
  const groups = entityPortals.map((portal) => {
    const isReached = portals.some(({ address, port }) => address === portal.address && port === portal.port);
    return [
      textAttribute(IsnsTag.portalGroupIscsiName, name),
      addressAttribute(IsnsTag.portalGroupIpAddress, portal.address),
      numberAttribute(IsnsTag.portalGroupPort, portal.port),
      isReached ? numberAttribute(IsnsTag.portalGroupTag, portal.portalGroupTag) : emptyAttribute(IsnsTag.portalGroupTag),
    ];
  });
  return [node, ...groups];
}

/**
 * DevAttrReg messages of at most `lengthBytesMax` each: the first replaces whatever the entity was before, the others add to it.
 * `periodSeconds` is the Registration Period we ask for. RFC 4171 §5.6.5.1.
 */
export function registrationMessages(
  registration: IsnsRegistration,
  periodSeconds: number,
  lengthBytesMax: number = PAYLOAD_LENGTH_BYTES_MAX,
): RegistrationMessage[] {
  const { entity, targets } = registration;
  const start = encodeAttributes([
    sourceOf(registration),
    textAttribute(IsnsTag.entityIdentifier, entity),
    delimiter,
    textAttribute(IsnsTag.entityIdentifier, entity),
  ]);
  const portals = portalsOf(registration);
  const objects: IsnsAttribute[][] = [
    [numberAttribute(IsnsTag.entityProtocol, ENTITY_PROTOCOL_ISCSI), numberAttribute(IsnsTag.registrationPeriod, periodSeconds)],
    ...portals.map(({ address, port }) => [addressAttribute(IsnsTag.portalIpAddress, address), numberAttribute(IsnsTag.portalPort, port)]),
    ...targets.flatMap((target) => targetObjects(target, portals)),
  ];
  const messages: Buffer[][] = [[start]];
  let lengthBytes = start.length;
  for (const object of objects) {
    const bytes = encodeAttributes(object);
    if (lengthBytes + bytes.length > lengthBytesMax) {
      messages.push([start]);
      lengthBytes = start.length;
    }
    messages.at(-1)?.push(bytes);
    lengthBytes += bytes.length;
  }
  return messages.map((pieces, index) => ({ replace: index === 0, payload: Buffer.concat(pieces) }));
}

/**
 * DevAttrQry for our own entity: looks whether it is still there, and renews its Registration Period by being sent.
 * RFC 4171 §5.6.5.2, §6.2.6.
 */
export function queryPayload(registration: IsnsRegistration): Buffer {
  return encodeAttributes([
    sourceOf(registration),
    textAttribute(IsnsTag.entityIdentifier, registration.entity),
    delimiter,
    emptyAttribute(IsnsTag.entityIdentifier),
    emptyAttribute(IsnsTag.registrationPeriod),
  ]);
}

/** DevDereg of the entity, which takes all in it along. RFC 4171 §5.6.5.4. */
export function deregistrationPayload(registration: IsnsRegistration): Buffer {
  return encodeAttributes([sourceOf(registration), delimiter, textAttribute(IsnsTag.entityIdentifier, registration.entity)]);
}

/** The Registration Period in an answer, or null when it names none. */
export function grantedPeriodSeconds(attributes: readonly IsnsAttribute[]): number | null {
  const attribute = attributes.find(({ tag }) => tag === IsnsTag.registrationPeriod);
  const seconds = attribute === undefined ? null : numberOf(attribute);
  return seconds === null || seconds === 0 ? null : seconds;
}

/**
 * Whether an answer to our query tells of the entity, behind the message key that it repeats. Its nodes say nothing: a server shows those
 * only that are in a discovery domain with the one that asks, RFC 4171 §2.2.
 */
export function tellsOfEntity(attributes: readonly IsnsAttribute[]): boolean {
  const start = attributes.findIndex(({ tag }) => tag === IsnsTag.delimiter);
  return attributes.slice(start + 1).some(({ tag, value }) => tag === IsnsTag.entityIdentifier && value.length > 0);
}
