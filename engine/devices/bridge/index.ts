import { fault, type Parsed, quoted } from '../../config/parsed.js';
import { LUN_MAX } from '../../pdu/lun.js';
import type { DeviceKind } from '../device-kind.js';

const FORM = 'bridge or bridge:LUN+LUN…';

/** `--lun 7=bridge` for all passthrough units of the target, `7=bridge:5+6` for some. */
export const bridgeKind: DeviceKind = {
  name: 'bridge',
  form: FORM,
  parseSource(text): Parsed<string> {
    const isList = text === '' || text.split('+').every((lun) => /^[0-9]{1,5}$/.test(lun) && Number(lun) <= LUN_MAX);
    return isList ? { value: text } : fault(`expected ${FORM}, found ${quoted(`bridge:${text}`)}`);
  },
  options: {},
  types: async () => [(await import('./bridge.js')).bridge],
  async open({ device }) {
    const { bridge } = await import('./bridge.js');
    const { BridgeMembers } = await import('./bridge-members.js');
    const members = new BridgeMembers(device.source === '' ? [] : device.source.split('+').map(Number));
    return {
      deviceType: bridge,
      identity: { product: 'BRIDGE' },
      parts: [members],
      describe() {
        const luns = members.members.map(({ lun }) => lun);
        return {
          sizeBytes: null,
          blockLengthBytes: null,
          loaded: true,
          detail: luns.length === 0 ? 'no passthrough units' : `stands for LUN ${luns.join(', ')}`,
        };
      },
      close: () => Promise.resolve(),
    };
  },
};
