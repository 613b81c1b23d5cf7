import { randomUUID } from 'node:crypto';
import { resolve } from 'node:path';
import type { DeviceLunConfig } from '../../config/engine-config.js';
import { TargetError } from '../../errors.js';
import { BoundThread } from '../bound-thread.js';
import type { DeviceOperation, DeviceStatus, OpenContext, OpenDevice } from '../device-kind.js';
import type { TapeService, TapeServiceOptions } from './image/tape-service.js';
import type { TapeOptions } from './index.js';
import { DEFAULT_DENSITY, type Density, densityNamed } from './medium/density.js';
import { DriveSettings } from './medium/drive-settings.js';
import { tape } from './tape.js';
import { DriveState, TapeUnit } from './tape-unit.js';

const PRODUCT = 'VIRTUAL-TAPE';
const SERVICE = new URL('./image/tape-service.js', import.meta.url);

/** Opens a drive with the cartridge that the configuration names, if it names one. Throws `TargetError` when that is no good: see `TapeImageCode`. */
export async function openTape({ device, readOnly }: DeviceLunConfig, context: OpenContext): Promise<OpenDevice> {
  const options = device.options as TapeOptions;
  const density = densityNamed(options.density ?? DEFAULT_DENSITY) as Density;
  const { limits } = context;
  const serviceOptions: TapeServiceOptions = { limits, owner: randomUUID() };
  const drive = new TapeUnit({
    start: (onLost) => BoundThread.start<TapeService>({ moduleUrl: SERVICE, options: serviceOptions, isBound: context.isBound, onLost }),
    creation:
      options.capacity === undefined ? null : { capacityBytes: options.capacity, worm: options.worm ?? false, barcode: null, densityCode: density.code },
    readOnly,
    density,
    isCompressing: options.compression ?? false,
    settings: new DriveSettings(options['block-size'] ?? 0),
    blockLengthBytesMax: Math.min(limits.tapeBlockLengthBytesMax, limits.transferLengthBytesMax),
    partitionCountMax: limits.tapePartitionCountMax,
    onNotice: context.onNotice,
    onDefect: context.onDefect,
  });
  await drive.start();
  try {
    if (device.source !== '') await drive.loadFirst({ path: device.source, barcode: options.barcode ?? null, kind: 'tape' });
    const notice = otherCapacity(device.source, options.capacity, drive.facts?.capacityBytes);
    if (notice !== null) context.onNotice(notice);
  } catch (error) {
    await drive.close().catch(() => undefined);
    throw error;
  }
  return {
    deviceType: tape,
    identity: { product: PRODUCT },
    removable: true,
    parts: [drive],
    describe: () => describe(drive),
    operations: operationsOf(drive),
    close: () => drive.close(),
  };
}

/** A cartridge keeps the capacity that it was made with. */
function otherCapacity(path: string, askedBytes: number | undefined, foundBytes: number | undefined): string | null {
  if (askedBytes === undefined || foundBytes === undefined || askedBytes === foundBytes) return null;
  return `${path} has a capacity of ${foundBytes} bytes, which stays so: the ${askedBytes} of the configuration are for cartridges that are made`;
}

function describe(drive: TapeUnit): DeviceStatus {
  const { facts, current, state } = drive;
  const name = current === null ? 'empty' : (current.barcode ?? facts?.barcode ?? current.path);
  const detail = current === null || state === DriveState.loaded ? name : `${name}, ${state}`;
  return {
    sizeBytes: facts?.capacityBytes ?? null,
    blockLengthBytes: drive.settings.blockLengthBytes === 0 ? null : drive.settings.blockLengthBytes,
    loaded: drive.isLoaded,
    detail,
  };
}

/** What an operator may do by hand, as if standing before the drive. */
function operationsOf(drive: TapeUnit): Readonly<Record<string, DeviceOperation>> {
  return {
    insert: {
      usage: 'PATH [barcode=TEXT]  puts a cartridge in and loads it',
      async run(args) {
        const [path, ...more] = args;
        if (path === undefined || path === '') throw new TargetError('OPERATION_ARGUMENTS', 'expected the path of a tape image');
        await drive.insert({ path: resolve(path), barcode: barcodeOf(more), kind: 'tape' });
        return statusOf(drive);
      },
    },
    eject: {
      usage: '[force]  writes back what is buffered and takes the cartridge out, with force also while an initiator prevents it',
      async run(args) {
        const [word, ...more] = args;
        if (more.length > 0 || (word !== undefined && word !== FORCE))
          throw new TargetError('OPERATION_ARGUMENTS', `expected ${FORCE}, found ${args.join(' ')}`);
        const { path } = await drive.remove({ isForced: word === FORCE });
        return { path, ...statusOf(drive) };
      },
    },
    load: {
      usage: 'loads the cartridge that was unloaded and is in the drive still',
      async run() {
        if (!drive.isLoaded) await drive.load();
        return statusOf(drive);
      },
    },
  };
}

const FORCE = 'force';
const BARCODE_PREFIX = 'barcode=';

function barcodeOf(args: readonly string[]): string | null {
  const [text, ...more] = args;
  if (text === undefined) return null;
  if (!text.startsWith(BARCODE_PREFIX) || more.length > 0)
    throw new TargetError('OPERATION_ARGUMENTS', `expected ${BARCODE_PREFIX}TEXT, found ${args.join(' ')}`);
  return text.slice(BARCODE_PREFIX.length);
}

function statusOf(drive: TapeUnit): Readonly<Record<string, unknown>> {
  const { facts } = drive;
  return {
    state: drive.state,
    cartridge: drive.current?.path ?? null,
    barcode: drive.current?.barcode ?? facts?.barcode ?? null,
    ...(facts === null ? {} : { serial: facts.serial, capacityBytes: facts.capacityBytes, worm: facts.worm, writeProtected: facts.writeProtected }),
  };
}
