import { resolve } from 'node:path';
import type { DeviceLunConfig } from '../../config/engine-config.js';
import { TargetError } from '../../errors.js';
import type { DeviceOperation, DeviceStatus, OpenContext, OpenDevice } from '../device-kind.js';
import { openDisc } from './disc/open-disc.js';
import { BLOCK_LENGTH_BYTES, type ProfileName, profileNamed, profileNames } from './disc/profile.js';
import { type InsertedDisc, OpticalDrive } from './drive/optical-drive.js';
import { opticalType } from './optical-type.js';

/** Opens a drive with what is in it. Throws `TargetError` where its first disc is no good: who starts an engine is there to hear of it. */
export async function openDrive(config: DeviceLunConfig, context: OpenContext): Promise<OpenDevice> {
  const { source, options } = config.device;
  const { limits, onNotice, onDefect } = context;
  const common = { readOnly: config.readOnly, recordBytesMax: limits.discRecordBytesMax, onNotice };
  const open = ({ cartridge: { path }, profile }: InsertedDisc) => openDisc({ ...common, path, ...(profile !== undefined && { profile }) });
  const profile = options['profile'] as ProfileName | undefined;
  const sizeBytes = options['size'] as number | undefined;
  const inserted: InsertedDisc | null = source === '' ? null : { cartridge: { path: source, barcode: null, kind: 'cdrom' }, profile };
  const disc =
    inserted === null
      ? null
      : await openDisc({ ...common, path: source, ...(profile !== undefined && { profile }), ...(sizeBytes !== undefined && { sizeBytes }) });
  const drive = new OpticalDrive({
    transferLengthBytesMax: limits.transferLengthBytesMax,
    onNotice,
    onDefect,
    openDisc: open,
    first: inserted !== null && disc !== null ? { inserted, disc } : null,
  });
  return {
    deviceType: opticalType,
    identity: { product: 'VIRTUAL-CDROM' },
    removable: true,
    parts: [drive],
    describe: () => describe(drive),
    operations: operationsOf(drive),
    close: () => drive.close(),
  };
}

function describe(drive: OpticalDrive): DeviceStatus {
  const { disc } = drive;
  const detail = drive.isTrayOpen ? 'tray open' : drive.current === null ? 'no disc' : disc === null ? 'unreadable disc' : statusOf(drive);
  const sizeBytes = disc === null ? null : disc.recordedBlocks * BLOCK_LENGTH_BYTES;
  return { sizeBytes, blockLengthBytes: disc === null ? null : BLOCK_LENGTH_BYTES, loaded: disc !== null, detail };
}

function statusOf({ disc }: OpticalDrive): string {
  const recording = disc?.recording ?? null;
  const state = recording === null ? '' : recording.isBlank ? ', blank' : recording.isAppendable ? ', appendable' : '';
  return `${disc?.profile.name ?? ''}${state}`;
}

/** What `lunloom lun do` may ask of the drive. */
function operationsOf(drive: OpticalDrive): Readonly<Record<string, DeviceOperation>> {
  const status = () => ({ ...describe(drive), path: drive.current?.path ?? null });
  return {
    insert: {
      usage: 'PATH [PROFILE]  puts a disc in and closes the tray',
      async run([path, profile]) {
        if (path === undefined || path === '') throw new TargetError('OPERATION_ARGUMENTS', 'insert wants the path of an image');
        if (profile !== undefined && profileNamed(profile) === undefined) {
          throw new TargetError('OPERATION_ARGUMENTS', `expected a profile, one of ${profileNames.join(', ')}`);
        }
        await drive.insert({ path: resolve(path), barcode: null, kind: 'cdrom' }, profile as ProfileName | undefined);
        return status();
      },
    },
    remove: {
      usage: '  takes the disc out',
      async run() {
        const { path } = await drive.remove();
        return { path };
      },
    },
    eject: {
      usage: '  presses the button: opens the tray or closes it; initiators that keep it closed are asked',
      async run() {
        const hasMoved = await drive.press();
        return { ...status(), hasMoved };
      },
    },
    status: { usage: '  what is in the drive', run: async () => status() },
  };
}
