import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { formatTargetAddress, type TargetPortal } from '../../../engine/login/target-address.js';
import { LoginStatus } from '../../../engine/pdu/index.js';
import { SessionDirectory } from '../../../engine/session/session-directory.js';
import { TargetNode } from '../../../engine/session/target-node.js';
import { Scene, TARGET_NAME } from './scene.js';
import { TestInitiator } from './test-initiator.js';

const PORT = { initiatorName: 'iqn.2024-01.test:one', isid: '800000000001' };
const OTHER_NAME = 'iqn.2024-01.test:other';

function portal(portalGroupTag: number, port = 3260): TargetPortal {
  return { address: '192.0.2.2', port, portalGroupTag };
}

function login(scene: Scene, portalGroupTag: number): TestInitiator {
  const initiator = new TestInitiator(scene);
  initiator.connection.portal = portal(portalGroupTag);
  assert.is(initiator.login(PORT).status, LoginStatus.success);
  return initiator;
}

test('a portal group is a target port of its own: name, identifier and nexus', () => {
  const scene = new Scene();
  login(scene, 3);
  const [session] = scene.directory.sessions;
  assert.equal([session?.nexus.targetPortName, session?.nexus.relativeTargetPortIdentifier], [`${TARGET_NAME},t,0x0003`, 3]);
});

test('the same ISID reinstates a session of the same portal group only (RFC 7143 §6.3.5)', () => {
  const scene = new Scene();
  const first = login(scene, 1);
  const second = login(scene, 2);
  assert.equal([first.transport.isDestroyed, scene.directory.sessions.length], [false, 2]);
  login(scene, 1);
  assert.equal([first.transport.isDestroyed, second.transport.isDestroyed, scene.directory.sessions.length], [true, false, 2]);
});

/** Two targets: one that is reached by every group, one by group 2. */
function directoryOf(scene: Scene): SessionDirectory {
  const absent = scene.directory.targets[0]?.taskSetOf(9999);
  assert.ok(absent !== undefined);
  const shared = { taskSets: scene.taskSets, absent };
  const nodes = [new TargetNode({ name: TARGET_NAME, ...shared }), new TargetNode({ name: OTHER_NAME, portalGroupTags: [2], ...shared })];
  const directory = new SessionDirectory(nodes, scene.limits, scene.admission);
  directory.portals = [portal(1), portal(2, 3261), { address: '127.0.0.1', port: 3260, portalGroupTag: 1 }];
  return directory;
}

test('a target is found by the portal groups that it is bound to', () => {
  const directory = directoryOf(new Scene());
  assert.is(directory.findTarget(TARGET_NAME, 1).kind, 'found');
  assert.is(directory.findTarget(OTHER_NAME, 2).kind, 'found');
  const refused = directory.findTarget(OTHER_NAME, 1);
  assert.is(refused.kind === 'refused' && refused.status, LoginStatus.targetNotFound);
});

test('discovery tells each target with the portals that reach it, as they are seen from where the initiator came', () => {
  const inventory = directoryOf(new Scene()).inventoryFor(portal(2, 3261), '192.0.2.1');
  const told = inventory.list(PORT.initiatorName).map(({ name, portals }) => [name, ...portals.map(formatTargetAddress)]);
  assert.equal(told, [
    [TARGET_NAME, '192.0.2.2:3261,2', '192.0.2.2:3260,1'],
    [OTHER_NAME, '192.0.2.2:3261,2'],
  ]);
  assert.equal(inventory.find(OTHER_NAME, PORT.initiatorName)?.portals.map(formatTargetAddress), ['192.0.2.2:3261,2']);
});

test('a target that cannot be reached from where the initiator came is not told of', () => {
  const directory = directoryOf(new Scene());
  directory.portals = [portal(1), { address: '127.0.0.1', port: 3261, portalGroupTag: 2 }];
  const inventory = directory.inventoryFor(portal(1), '192.0.2.1');
  assert.equal(
    inventory.list(PORT.initiatorName).map(({ name }) => name),
    [TARGET_NAME],
  );
  assert.is(inventory.find(OTHER_NAME, PORT.initiatorName), null);
});

test.run();
