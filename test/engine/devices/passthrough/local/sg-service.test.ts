import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { SG_GET_VERSION_NUM, SG_IO, SG_SCSI_RESET } from '../../../../../engine/devices/passthrough/local/sg-io.js';
import { SgService, type SgSystem } from '../../../../../engine/devices/passthrough/local/sg-service.js';
import { SystemCallError } from '../../../../../engine/store/native.js';

const BASE = 0x10_0000n;

/** A system whose memory is found again by its addresses, as the kernel does. */
class FakeSystem implements SgSystem {
  readonly memories: Uint8Array[] = [];
  readonly requests: number[] = [];
  closed: number[] = [];
  onIo: (header: DataView, system: FakeSystem) => void = () => {};
  errno: number | null = null;
  readonly calls: SgSystem['calls'] = {
    addressOf: (memory) => {
      this.memories.push(memory);
      return BASE * BigInt(this.memories.length);
    },
    ioctl: (fd, request, memory) => {
      assert.is(fd, 7);
      this.requests.push(request);
      if (this.errno !== null) throw new SystemCallError('ioctl', this.errno);
      this.onIo(new DataView(memory.buffer, memory.byteOffset, memory.byteLength), this);
      return 0;
    },
  };

  open(): number {
    return 7;
  }

  close(fd: number): void {
    this.closed.push(fd);
  }

  at(address: bigint): Uint8Array {
    const index = Number(address / BASE) - 1;
    return (this.memories[index] as Uint8Array).subarray(Number(address % BASE));
  }
}

function makeService() {
  const system = new FakeSystem();
  return { system, service: new SgService({ path: '/dev/sg9', timeoutMs: 5000 }, system) };
}

const CDB = Uint8Array.of(0x28, 0, 0, 0, 0, 1, 0, 0, 1, 0);

test('a read lands where the caller said, and what was moved is told', () => {
  const { system, service } = makeService();
  const data = new Uint8Array(new SharedArrayBuffer(512));
  system.onIo = (header) => {
    assert.equal(Uint8Array.from(system.at(header.getBigUint64(24, true)).subarray(0, 10)), CDB);
    system.at(header.getBigUint64(16, true)).fill(0x77, 0, 500);
    header.setInt32(72, 12, true);
  };
  const outcome = service.run({ cdb: CDB, data, isToDevice: false, isAtHead: false });
  assert.equal(outcome, { code: null, status: 0, hostStatus: 0, driverStatus: 0, sense: new Uint8Array(0), movedLength: 500 });
  assert.is(data[499], 0x77);
  assert.equal(system.requests, [SG_GET_VERSION_NUM, SG_IO]);
});

test('sense data is what the driver has written, and no more', () => {
  const { system, service } = makeService();
  system.onIo = (header) => {
    header.setUint8(64, 2);
    header.setUint8(67, 3);
    system.at(header.getBigUint64(32, true)).set([0x70, 0, 6, 9, 9]);
  };
  const outcome = service.run({ cdb: CDB, data: null, isToDevice: false, isAtHead: false });
  assert.is(outcome.code, null);
  if (outcome.code === null) assert.equal(Uint8Array.from(outcome.sense), Uint8Array.of(0x70, 0, 6));
});

test('an error of the call is told by its name', () => {
  const { system, service } = makeService();
  system.errno = 19;
  assert.equal(service.run({ cdb: CDB, data: null, isToDevice: false, isAtHead: false }), { code: 'ENODEV' });
  assert.is(service.reset(), 'ENODEV');
});

test('a file that is no such device is said to be none, and is closed', () => {
  const system = new FakeSystem();
  system.errno = 25;
  assert.throws(() => new SgService({ path: '/dev/null', timeoutMs: 1 }, system), /\/dev\/null is no device of the SCSI generic driver \(ENOTTY\)/);
  assert.equal(system.closed, [7]);
});

test('a reset is one of the device, without going further when that fails', () => {
  const { system, service } = makeService();
  let argument = 0;
  system.onIo = (view) => {
    argument = view.getInt32(0, true);
  };
  assert.is(service.reset(), null);
  assert.equal(system.requests, [SG_GET_VERSION_NUM, SG_SCSI_RESET]);
  assert.is(argument, 0x101);
  service.close();
  assert.equal(system.closed, [7]);
});

test.run();
