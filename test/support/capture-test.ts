import { test } from 'uvu';
import { decodeFields, describeFrames, type PacketCapture, summarizeFrames } from './packet-capture.js';
import { peerTest } from './peer-test.js';
import { COULD_NOT_RUN } from './uvu-output.js';

const mayCapture = process.getuid?.() === 0 || process.env['CI'] === 'true' || process.env['CI'] === '1';

/** A test that looks at captured packets: `peerTest` with tshark, for those who may capture. */
export function captureTest(name: string, handler: () => Promise<void>): void {
  if (mayCapture) {
    peerTest(name, ['tshark'], handler);
  } else {
    test.skip(name, handler);
    process.stdout.write(`\n${COULD_NOT_RUN} "${name}": only root may capture packets\n`);
  }
}

/** Display filters for what must not be there. */
export const FAULTS =
  '_ws.malformed || _ws.unreassembled || iscsi.opcode.invalid || iscsi.keyvalue.invalid || iscsi.ahs.unknown_blob || _ws.expert.severity >= error';
export const LOST_PACKETS = 'tcp.analysis.lost_segment || tcp.analysis.ack_lost_segment';
export const NOT_DISSECTED = 'tcp.len > 0 && !iscsi && !tcp.segment_data';
export const NEW_CONNECTIONS = 'tcp.flags.syn == 1 && tcp.flags.ack == 0';

/** A capture that is made by the first who asks for it, and looked at by all. */
export class SharedCapture {
  readonly #record: () => Promise<PacketCapture>;
  #recording: Promise<PacketCapture> | null = null;

  constructor(record: () => Promise<PacketCapture>) {
    this.#record = record;
  }

  get recorded(): Promise<PacketCapture> {
    this.#recording ??= this.#record();
    return this.#recording;
  }

  /** The frames of a filter as Wireshark lists them, of the capture or of a changed copy of it. */
  async summarize(filter: string, path?: string): Promise<string[]> {
    const capture = await this.recorded;
    return summarizeFrames(path ?? capture.path, capture.port, filter);
  }

  async describe(filter: string): Promise<string> {
    const capture = await this.recorded;
    return describeFrames(capture.path, capture.port, filter);
  }

  /** The values of one field in the frames of a filter, in the order in which they went over the wire. */
  async valuesOf(filter: string, field: string): Promise<string[]> {
    return (await this.rowsOf(filter, [field])).flatMap(([values]) => values ?? []);
  }

  /** As `decodeFields`: a row a frame, with the values of each field. */
  async rowsOf(filter: string, fields: readonly string[]): Promise<string[][][]> {
    const capture = await this.recorded;
    return decodeFields(capture.path, capture.port, filter, fields);
  }

  async remove(): Promise<void> {
    (await this.#recording?.catch(() => null))?.remove();
  }
}
