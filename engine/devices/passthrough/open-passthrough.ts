import { systemClock } from '../../clock.js';
import type { DeviceLunConfig } from '../../config/engine-config.js';
import { defaultLimits } from '../../limits.js';
import type { DeviceType } from '../../scsi/command-table.js';
import type { DeviceOperation, OpenContext, OpenDevice } from '../device-kind.js';
import type { Connector } from './carrier.js';
import { type IdentityChoice, passthroughType } from './device-type.js';
import { Disturbance, type DisturbanceSettings, defaultDisturbedSense, parseSenseText } from './disturbance.js';
import { isRemote } from './index.js';
import { badArgument, PassthroughUnit } from './passthrough-unit.js';

/** Opens a device that is elsewhere. It need not be there: it comes when it comes. */
export async function openPassthrough(config: DeviceLunConfig, context: OpenContext): Promise<OpenDevice> {
  const { options, source } = config.device;
  const disturbance = new Disturbance({
    delayMs: (options['delay'] as number | undefined) ?? 0,
    errorRatio: (options['error-rate'] as number | undefined) ?? 0,
    sense: options['error-sense'] === undefined ? defaultDisturbedSense : senseOf(options['error-sense'] as string),
    dropRatio: (options['drop-rate'] as number | undefined) ?? 0,
  });
  const connector = isRemote(source)
    ? (await import('./remote/remote-connector.js')).remoteConnector(config, context)
    : (await import('./local/sg-connector.js')).sgConnector(config, context);
  return openOver(connector, disturbance, (options['identity'] as IdentityChoice | undefined) ?? 'device', context);
}

/** The same over any connector. */
export function openOver(
  connector: Connector,
  disturbance: Disturbance,
  identity: IdentityChoice,
  { clock, limits, onNotice }: Pick<OpenContext, 'clock' | 'limits' | 'onNotice'>,
): OpenDevice & { readonly part: PassthroughUnit } {
  const part = new PassthroughUnit({ connector, clock, limits, disturbance, onNotice });
  return {
    part,
    deviceType: passthroughType(part, identity),
    identity: { vendor: 'LUNLOOM', product: 'PASSTHROUGH' },
    parts: [part],
    describe() {
      const { pathCount, inFlightCount, returnCount } = part.counts;
      const counts = `${pathCount} session${pathCount === 1 ? '' : 's'}, ${inFlightCount} in flight, ${returnCount} reconnect${returnCount === 1 ? '' : 's'}`;
      return {
        sizeBytes: null,
        blockLengthBytes: null,
        loaded: part.isThere,
        detail: `${part.stateText}, ${counts}${disturbanceText(disturbance)}`,
      };
    },
    operations: operationsOf(part, disturbance),
    close: () => part.close(),
  };
}

/** The type without a device: which commands are more than carried. */
export function describedType(): DeviceType {
  const connector: Connector = { name: 'no device', isPerNexus: false, connect: () => Promise.reject(badArgument('there is no device')) };
  return openOver(connector, new Disturbance(), 'device', { clock: systemClock, limits: defaultLimits, onNotice: () => {} }).deviceType;
}

function disturbanceText(disturbance: Disturbance): string {
  if (!disturbance.isActive) return '';
  const { delayMs, errorRatio, dropRatio } = disturbance.settings;
  const { failedCount, droppedCount } = disturbance;
  return `; disturbed: delay ${delayMs} ms, error rate ${errorRatio} (${failedCount} so far), drop rate ${dropRatio} (${droppedCount} so far)`;
}

function operationsOf(part: PassthroughUnit, disturbance: Disturbance): Record<string, DeviceOperation> {
  const settings = () => ({ ...disturbance.settings, failedCount: disturbance.failedCount, droppedCount: disturbance.droppedCount });
  const change = (changes: Partial<DisturbanceSettings>) => {
    disturbance.change(changes);
    return Promise.resolve(settings());
  };
  return {
    disconnect: {
      usage: '  breaks the way to the device, which stays away until reconnect',
      run: async () => {
        part.disconnect();
        return { state: part.stateText };
      },
    },
    reconnect: {
      usage: '  tries at once to reach a device that is away',
      run: async () => {
        part.reconnect();
        return { state: part.stateText };
      },
    },
    delay: {
      usage: 'MILLISECONDS  before each command is carried; 0 for none',
      run: async ([value]) => change({ delayMs: numberOf(value, 'MILLISECONDS', 600_000) }),
    },
    error: {
      usage: 'RATIO [KEY/ASC/ASCQ]  of the commands end with this sense, and are not carried',
      run: async ([value, sense]) => change({ errorRatio: numberOf(value, 'RATIO', 1), ...(sense === undefined ? {} : { sense: senseOf(sense) }) }),
    },
    drop: {
      usage: 'RATIO  of the commands are not carried and not answered',
      run: async ([value]) => change({ dropRatio: numberOf(value, 'RATIO', 1) }),
    },
  };
}

function numberOf(text: string | undefined, what: string, max: number): number {
  const value = text === undefined || text.trim() === '' ? Number.NaN : Number(text);
  if (!(value >= 0 && value <= max)) throw badArgument(`${what} is a number from 0 to ${max}, not ${JSON.stringify(text ?? '')}`);
  return value;
}

function senseOf(text: string): DisturbanceSettings['sense'] {
  const parsed = parseSenseText(text);
  if (parsed.fault !== undefined) throw badArgument(parsed.fault);
  return parsed.value;
}
