import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { renderLiveLine } from '../../cli/live-line.js';
import { readyEvent, renderReadyBlock } from '../../cli/ready-block.js';
import { errorLines } from '../../cli/report-error.js';
import type { ServedLun } from '../../cli/served-engine.js';
import { ConfigError, locateProblem } from '../../engine/config/problem.js';
import { TargetError } from '../../engine/errors.js';
import type { EngineSnapshot } from '../../engine/metrics/engine-metrics.js';

const LUNS = [
  { lun: 0, store: 'ram:1GiB', sizeBytes: 1024 ** 3, blockLengthBytes: 512, readOnly: false, execution: 'auto' },
  { lun: 12, store: 'file:/srv/x.img', sizeBytes: 10 * 1024 ** 3, blockLengthBytes: 4096, readOnly: true, execution: 'pool' },
];

test('the ready block names portals, targets and LUNs, then commands to copy', () => {
  const facts = {
    portals: [
      { address: '127.0.0.1', port: 3260 },
      { address: '::1', port: 860 },
    ],
    targets: [{ name: 'iqn.2026-11.io.lunloom:demo', luns: LUNS }],
    control: '/srv/lunloom.sock',
  };
  assert.is(
    renderReadyBlock('1.2.3', facts),
    `Lunloom 1.2.3 is ready

  portal  127.0.0.1:3260  [::1]:860
  target  iqn.2026-11.io.lunloom:demo
    LUN 0   ram:1GiB                512-byte blocks   read-write  auto
    LUN 12  file:/srv/x.img  10GiB  4096-byte blocks  read only   pool

Try it from another terminal:
  iscsi-ls -s iscsi://127.0.0.1:3260
  qemu-img info iscsi://127.0.0.1:3260/iqn.2026-11.io.lunloom:demo/0
  sudo iscsiadm -m discovery -t sendtargets -p 127.0.0.1:3260
  sudo iscsiadm -m node -T iqn.2026-11.io.lunloom:demo -p 127.0.0.1:3260 --login
  lunloom stats --control /srv/lunloom.sock

Ctrl-C stops.`,
  );
});

test('sizes that the stores say already have no column', () => {
  const block = renderReadyBlock('1', {
    portals: [{ address: '::1', port: 1 }],
    targets: [{ name: 'eui.02004567A425678D', luns: LUNS.slice(0, 1) }],
    control: null,
  });
  assert.match(block, '\n    LUN 0  ram:1GiB  512-byte blocks  read-write  auto\n');
});

test('sizes that are no round number are rounded, and qemu-img is given a disk, when there is one', () => {
  const devices: readonly ServedLun[] = [
    { lun: 0, device: 'controller', store: 'controller', sizeBytes: null, blockLengthBytes: null, readOnly: false, execution: 'auto' },
    {
      lun: 4,
      device: 'osd',
      store: 'osd:/srv/o',
      sizeBytes: 78_991_480 * 1024,
      blockLengthBytes: null,
      readOnly: false,
      execution: 'auto',
      detail: '7 objects',
    },
    { lun: 5, device: 'cdrom', store: 'cdrom:/srv/r', sizeBytes: 0, blockLengthBytes: 2048, readOnly: false, execution: 'auto', detail: 'blank' },
  ];
  const block = (luns: readonly ServedLun[]) =>
    renderReadyBlock('1', { portals: [{ address: '::1', port: 1 }], targets: [{ name: 'iqn.a', luns }], control: null });
  const alone = block(devices);
  assert.match(alone, '    LUN 4  osd:/srv/o    75.3 GiB                    read-write  auto  7 objects\n');
  assert.match(alone, '    LUN 5  cdrom:/srv/r  0 bytes   2048-byte blocks  read-write  auto  blank\n');
  assert.not.match(alone, 'qemu-img');
  const disk = { lun: 9, device: 'disk', store: 'ram:1000000', sizeBytes: 1_000_000, blockLengthBytes: 512, readOnly: false, execution: 'auto' };
  assert.match(block([...devices, disk]), '\n  qemu-img info iscsi://[::1]:1/iqn.a/9\n');
});

test('commands dial loopback where the portal is the unspecified address', () => {
  const block = (address: string): string =>
    renderReadyBlock('1', { portals: [{ address, port: 3260 }], targets: [{ name: 'eui.02004567A425678D', luns: LUNS }], control: null });
  assert.match(block('0.0.0.0'), 'iscsi-ls -s iscsi://127.0.0.1:3260\n');
  assert.match(block('::'), 'iscsi-ls -s iscsi://[::1]:3260\n');
});

test('where initiators have to authenticate, the commands say where user and secret go, and print none', () => {
  const target = { name: 'eui.02004567A425678D', needsChap: true, luns: LUNS };
  const block = renderReadyBlock('1', { portals: [{ address: '::1', port: 3260 }], targets: [target], control: null });
  assert.match(block, "\n  iscsi-ls iscsi://[::1]:3260\n  qemu-img info 'iscsi://USER%SECRET@[::1]:3260/eui.02004567A425678D/0'\n");
  assert.not.match(block, '--login');
});

test('the ready event is one line of JSON with bound portals', () => {
  const event = readyEvent({
    portals: [{ address: '::1', port: 49152 }],
    targets: [{ name: 'iqn.2026-11.io.lunloom:demo', luns: LUNS.slice(0, 1) }],
    control: null,
  });
  assert.is(
    JSON.stringify(event),
    '{"event":"ready","portals":["[::1]:49152"],"targets":[{"name":"iqn.2026-11.io.lunloom:demo","luns":[' +
      '{"lun":0,"store":"ram:1GiB","sizeBytes":1073741824,"blockLengthBytes":512,"readOnly":false,"execution":"auto"}]}],"control":null}',
  );
});

const IDLE: EngineSnapshot = { commandCount: 100, readBytes: 0, writeBytes: 0, sessionCount: 0, latencyMicros: { p50: 0, p99: 0, max: 0 } };

test('the live line shows rates of the elapsed time, not of the interval meant', () => {
  const busy = { commandCount: 24_791, readBytes: 101_130_240, writeBytes: 5_000_000, sessionCount: 1, latencyMicros: { p50: 84.6, p99: 12_345, max: 20_000 } };
  assert.is(renderLiveLine(IDLE, busy, 2_000_000, 120), '12,346 IOPS   read 50.6 MB/s   write 2.5 MB/s   p50 85 µs   p99 12 ms   1 session');
});

test('the live line has no latency without commands, and never wraps', () => {
  assert.is(renderLiveLine(IDLE, IDLE, 1_000_000, 120), '0 IOPS   read 0.0 MB/s   write 0.0 MB/s   p50 –   p99 –   0 sessions');
  assert.is(renderLiveLine(IDLE, IDLE, 1_000_000, 10), '0 IOPS   ');
});

test('errors are lines for a person; the stack is for LUNLOOM_DEBUG', () => {
  const listen = new TargetError('LISTEN_IN_USE', '127.0.0.1:3260 is in use');
  assert.equal(errorLines(listen, false), ['lunloom: 127.0.0.1:3260 is in use']);
  assert.match(errorLines(listen, true).join('\n'), /\n {4}at /);
  assert.equal(errorLines(new TypeError('x is\n  undefined'), false), ['lunloom: internal error: x is undefined (LUNLOOM_DEBUG=1 shows where)']);
  assert.equal(errorLines('thrown text', false), ['lunloom: internal error: thrown text (LUNLOOM_DEBUG=1 shows where)']);
});

test('problems of a file begin with its name, and a last line counts them', () => {
  const problem = { code: 'CONFIG_INVALID', path: ['workers'], at: 'value', message: 'expected a whole number, found "x"' } as const;
  const inFile = locateProblem(problem, { kind: 'file', file: 'lab.yaml', line: 3, column: 10 });
  const inOption = locateProblem(problem, { kind: 'option', option: '--workers x', depth: 1 });
  assert.equal(errorLines(new ConfigError([inFile]), false), [
    'lab.yaml:3:10: workers: expected a whole number, found "x"',
    'lunloom: 1 problem with lab.yaml; nothing was started',
  ]);
  assert.equal(errorLines(new ConfigError([inOption]), false), ['lunloom: --workers x: expected a whole number, found "x"']);
});

test.run();
