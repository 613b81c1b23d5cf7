import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { TargetError } from '../../engine/errors.js';
import { peerPath } from './debian-packages.js';
import { peerOutput } from './run-peer.js';

const START_MS_MAX = 20_000;
const STOP_MS_MAX = 20_000;
const PROBE_INTERVAL_MS = 50;
/** Of the kernel's buffer, in MiB: what a test sends in a burst has to fit. */
const BUFFER_MIB = 64;
const STDERR_LENGTH_MAX = 64 * 1024;

/** What tshark prints of each packet it takes: for probes their UDP length, for all that matters nothing. */
const ONE_COLUMN = 'gui.column.format:"length","%Cus:udp.length"';
const UDP_HEADER_LENGTH = 8;
/** They tell each other apart by their length. */
const FIRST_PROBE = 'a';
const LAST_PROBE = 'zz';

/**
 * Packets of one port of 127.0.0.1 on their way into a file. Needs tshark, and root. It is not enough that tshark says that it
 * captures: UDP packets to the same port are sent until one is seen, before the first and behind the last that matter.
 */
export class PacketCapture {
  readonly port: number;
  readonly #folder: string;
  readonly #tshark: ChildProcess;
  readonly #ended: Promise<void>;
  readonly #probes: Socket = createSocket('udp4');
  #stderr = '';
  #isOver = false;
  readonly #udpLengthsSeen = new Set<number>();

  /** Answers when packets are seen. Throws `TargetError` `CAPTURE_FAILED`. */
  static async start(port: number): Promise<PacketCapture> {
    const capture = new PacketCapture(port);
    try {
      await capture.#seeProbe(FIRST_PROBE, START_MS_MAX);
    } catch (error) {
      capture.remove();
      throw error;
    }
    return capture;
  }

  private constructor(port: number) {
    this.port = port;
    this.#folder = mkdtempSync(join(tmpdir(), 'lunloom-capture-'));
    const args = ['-i', 'lo', '-B', String(BUFFER_MIB), '-f', `port ${port}`, '-w', this.path, '-P', '-l', '-o', ONE_COLUMN];
    const tshark = spawn(peerPath('tshark') ?? 'tshark', args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#tshark = tshark;
    createInterface({ input: tshark.stdout }).on('line', (line) => this.#udpLengthsSeen.add(Number(line)));
    tshark.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-STDERR_LENGTH_MAX);
    });
    this.#ended = new Promise((resolve) => {
      const end = () => {
        this.#isOver = true;
        resolve();
      };
      tshark.once('error', (error) => {
        this.#stderr += error.message;
        end();
      });
      tshark.once('close', end);
    });
    // Nobody listens there: the refusals that come back are no errors.
    this.#probes.on('error', () => {});
  }

  get path(): string {
    return join(this.#folder, 'capture.pcapng');
  }

  /** Waits until all that was sent before has been seen, and closes the file. Throws `TargetError` `CAPTURE_FAILED`. */
  async stop(): Promise<void> {
    await this.#seeProbe(LAST_PROBE, STOP_MS_MAX);
    this.#probes.close();
    this.#tshark.kill('SIGINT');
    const deadline = setTimeout(() => this.#tshark.kill('SIGKILL'), STOP_MS_MAX);
    await this.#ended;
    clearTimeout(deadline);
    if (this.#tshark.exitCode !== 0) throw new TargetError('CAPTURE_FAILED', `tshark ended with ${this.#tshark.exitCode}: ${this.#stderr}`);
  }

  /** Deletes the file, and ends what still writes it. */
  remove(): void {
    if (!this.#isOver) {
      this.#tshark.kill('SIGKILL');
      this.#probes.unref();
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Packets are seen in the order in which they were sent, but none that was sent before the capture began. */
  async #seeProbe(probe: string, timeMsMax: number): Promise<void> {
    const until = performance.now() + timeMsMax;
    while (!this.#udpLengthsSeen.has(UDP_HEADER_LENGTH + probe.length)) {
      if (this.#isOver || performance.now() > until) throw new TargetError('CAPTURE_FAILED', `tshark does not capture: ${this.#stderr}`);
      this.#probes.send(probe, this.port, '127.0.0.1');
      await new Promise((resolve) => setTimeout(resolve, PROBE_INTERVAL_MS));
    }
  }
}

/** How Wireshark's dissector is to read a capture: the port is iSCSI, and no length it did not expect is passed over in silence. */
function decodeArgs(path: string, port: number): string[] {
  return ['-r', path, '-d', `tcp.port==${port},iscsi`, '-o', 'iscsi.bogus_pdu_max_data_len:16777215'];
}

/** Between the values of one field; no text of ours has it. */
const AGGREGATOR = '|';

/** The fields of each frame that `filter` lets through; a field that occurs several times in a frame has several values. */
export async function decodeFields(path: string, port: number, filter: string, fields: readonly string[]): Promise<string[][][]> {
  const wanted = fields.flatMap((field) => ['-e', field]);
  const output = await peerOutput('tshark', [...decodeArgs(path, port), '-Y', filter, '-T', 'fields', '-E', `aggregator=${AGGREGATOR}`, ...wanted]);
  const lines = output.split('\n').filter((line) => line !== '');
  return lines.map((line) => line.split('\t').map((cell) => (cell === '' ? [] : cell.split(AGGREGATOR))));
}

/** One line for each frame that `filter` lets through, as Wireshark lists it. */
export async function summarizeFrames(path: string, port: number, filter: string): Promise<string[]> {
  const output = await peerOutput('tshark', [...decodeArgs(path, port), '-Y', filter]);
  return output.split('\n').filter((line) => line !== '');
}

/** Everything that the dissector has to say of the iSCSI in those frames. */
export function describeFrames(path: string, port: number, filter: string): Promise<string> {
  return peerOutput('tshark', [...decodeArgs(path, port), '-Y', filter, '-V', '-O', 'iscsi']);
}

/** One PDU of a description. */
export interface DescribedPdu {
  /** `SCSI Data In` */
  readonly name: string;
  /** What stands behind the name of each field, up to the first blank: `0x00000005`, `16384`, of flags a word. */
  readonly fields: ReadonlyMap<string, string>;
}

const PDU_TITLE = /^iSCSI \((.+)\)$/;
const FIELD = /^ *(?:[01. ]+ = )?([A-Za-z][A-Za-z0-9 ]*): (\S+)/;

/** The PDUs in a text of `describeFrames`, in the order in which they went over the wire: that of their fields tells none of frames with several. */
export function parseDescription(text: string): DescribedPdu[] {
  const pdus: { name: string; fields: Map<string, string> }[] = [];
  for (const line of text.split('\n')) {
    const title = PDU_TITLE.exec(line)?.[1];
    if (title !== undefined) pdus.push({ name: title, fields: new Map() });
    const [, name, value] = FIELD.exec(line) ?? [];
    const fields = pdus.at(-1)?.fields;
    if (name !== undefined && value !== undefined && fields !== undefined && !fields.has(name)) fields.set(name, value);
  }
  return pdus;
}
