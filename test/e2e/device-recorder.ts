import { parseSense, Session } from '../../initiator/index.js';

export interface SentCommand {
  readonly lun: number;
  /** As Wireshark names it; what it has no name for it shows as its number. */
  readonly name: string;
  readonly opcode: number;
  /** Of a CDB of variable length. */
  readonly serviceAction: number | null;
  /** What is wrong with Wireshark's reading of its data, when it is wrong. */
  readonly misread: string | null;
}

export interface RecordedData {
  readonly dataOut?: Uint8Array;
  readonly dataInLength?: number;
  /** `good`, or sense key, ASC and ASCQ: `5/2400`. */
  readonly ends?: string;
  /** Why Wireshark finds the data malformed though it is right; who says so compares the data byte by byte. */
  readonly misread?: string;
}

export const BLOCK_LIMITS_OF_ALL = 'page B0h is the Block Limits page to it, of whatever device type; SPC-4 leaves B0h to BFh to each of them';

const VARIABLE_LENGTH = 0x7f;
const UNIT_ATTENTION = 0x06;
/** Power on, and what drives tell when their media have come. */
const UNIT_ATTENTION_COUNT_MAX = 8;

export const bytesOf = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex');

/** Sends commands one after the other, checks how each ends, and remembers what a capture of it must hold. */
export class DeviceRecorder {
  readonly session: Session;
  readonly sent: SentCommand[] = [];
  /** Commands that ended otherwise than they had to. */
  readonly faults: string[] = [];

  static async login(port: number, targetName: string): Promise<DeviceRecorder> {
    return new DeviceRecorder(await Session.login({ host: '127.0.0.1', port, targetName }));
  }

  private constructor(session: Session) {
    this.session = session;
  }

  /** Those of the start, and those that a command before has brought. */
  async takeUnitAttentions(lun: number): Promise<void> {
    for (let count = 0; count < UNIT_ATTENTION_COUNT_MAX; count++) {
      const { status, sense } = await this.session.command({ lun, cdb: Buffer.alloc(6) });
      this.#remember(lun, 'Test Unit Ready', Buffer.alloc(6));
      if (status === 0 || parseSense(sense)?.key !== UNIT_ATTENTION) return;
    }
  }

  /** From it Wireshark learns what the CDBs of the unit are. */
  inquire(lun: number): Promise<Buffer> {
    return this.send(lun, 'Inquiry', bytesOf('12 00 00 0060 00'), { dataInLength: 0x60 });
  }

  async send(lun: number, name: string, cdb: Uint8Array, { ends = 'good', misread, ...data }: RecordedData = {}): Promise<Buffer> {
    this.#remember(lun, name, cdb, misread);
    const { status, sense, dataIn } = await this.session.command({ lun, cdb, ...data });
    const said = status === 0 ? null : parseSense(sense);
    const asc = said === null ? '' : Buffer.of(said.asc, said.ascq).toString('hex');
    const ended = status === 0 ? 'good' : said === null ? `status ${status}` : `${said.key.toString(16)}/${asc}`;
    if (ended !== ends) this.faults.push(`LUN ${lun}, ${name}, ${Buffer.from(cdb.subarray(0, 80)).toString('hex')}: ${ended}, not ${ends}`);
    return dataIn;
  }

  #remember(lun: number, name: string, cdb: Uint8Array, misread: string | null = null): void {
    const opcode = cdb[0] as number;
    const serviceAction = opcode === VARIABLE_LENGTH ? Buffer.from(cdb).readUInt16BE(8) : null;
    this.sent.push({ lun, name, opcode, serviceAction, misread });
  }
}
