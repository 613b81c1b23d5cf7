import type { CommandSlot } from '../../shm/command-slot.js';
import { ALL_BITS, CONTROL_UNUSED, readUint24, returnData } from '../cdb.js';
import type { UnitCommandRow } from '../command-table.js';
import type { ITNexus } from '../it-nexus.js';
import type { LogicalUnit, UnitPart } from '../logical-unit.js';
import { parameterListOf, planParameterList } from '../parameter-list.js';
import { Asc, checkCondition, invalidFieldInCdb, SenseKey } from '../sense.js';

/*
 * READ BUFFER, SPC-4 "READ BUFFER command", and WRITE BUFFER, SPC-4 "WRITE BUFFER command".
 *
 *     0| 0x3c, 0x3b | Mode Specific . Mode | Buffer ID | Buffer Offset (3) | Allocation or Parameter List Length (3) | Control |
 */
const MODE_AT = 1;
const MODE_MASK = 0x1f;
const MODE_BIT = 4;
const BUFFER_ID_AT = 2;
const BUFFER_OFFSET_AT = 3;
const LENGTH_AT = 6;
const BufferMode = { data: 0x02, descriptor: 0x03, echo: 0x0a, echoDescriptor: 0x0b } as const;

/** Of each of the two buffers; initiators use them to try a path, for which a page or two are enough. */
const DATA_BUFFER_BYTES = 64 * 1024;
const ECHO_BUFFER_BYTES = 4096;
/** OFFSET BOUNDARY: any byte, 2^0. */
const OFFSET_BOUNDARY_ANY = 0x00;
/** EBOS: READ BUFFER tells when another nexus has written the echo buffer meanwhile. */
const EBOS_BIT = 0x01;

/** The buffers of a logical unit; made with the first use, and of no meaning to its medium. */
class UnitBuffers implements UnitPart {
  readonly data = new Uint8Array(DATA_BUFFER_BYTES);
  echo = new Uint8Array(0);
  /** Who wrote the echo buffer last, and who had written it before. */
  echoWriter: number | null = null;
  readonly overwrittenNexuses = new Set<number>();

  onReset(): void {
    this.echoWriter = null;
    this.overwrittenNexuses.clear();
  }

  onNexusLost(nexus: ITNexus): void {
    this.overwrittenNexuses.delete(nexus.id);
    if (this.echoWriter === nexus.id) this.echoWriter = null;
  }

  writeEcho(bytes: Uint8Array, nexus: ITNexus): void {
    if (this.echoWriter !== null && this.echoWriter !== nexus.id) this.overwrittenNexuses.add(this.echoWriter);
    this.overwrittenNexuses.delete(nexus.id);
    this.echo = new Uint8Array(bytes);
    this.echoWriter = nexus.id;
  }
}

const common = { runsOn: 'main', accessState: 'unavailable', cdbLength: 10 } as const;

const usageOf = (opcode: number) => [opcode, MODE_MASK, ...new Array<number>(7).fill(ALL_BITS), CONTROL_UNUSED];

export const readBufferRow: UnitCommandRow = {
  ...common,
  reservation: 'read',
  opcode: 0x3c,
  name: 'READ BUFFER (10)',
  clause: 'SPC-4 "READ BUFFER command"',
  cdbUsage: usageOf(0x3c),
  passesNotReady: true,
  execute(command, unit, nexus) {
    const allocationLength = readUint24(command.cdbView, LENGTH_AT);
    const mode = (command.cdb[MODE_AT] as number) & MODE_MASK;
    const bufferId = command.cdb[BUFFER_ID_AT] as number;
    const offset = readUint24(command.cdbView, BUFFER_OFFSET_AT);
    switch (mode) {
      case BufferMode.data:
        if (bufferId !== 0) return invalidFieldInCdb(command, BUFFER_ID_AT);
        if (offset > DATA_BUFFER_BYTES) return invalidFieldInCdb(command, BUFFER_OFFSET_AT);
        return returnData(command, unit.part(UnitBuffers).data.slice(offset), allocationLength);
      case BufferMode.descriptor:
        // Zeros tell that there is no buffer of this number.
        return returnData(command, bufferId === 0 ? descriptorOf(DATA_BUFFER_BYTES) : new Uint8Array(4), allocationLength);
      case BufferMode.echo:
        return readEcho(command, unit, nexus, allocationLength);
      case BufferMode.echoDescriptor:
        return returnData(command, Uint8Array.of(EBOS_BIT, 0, ECHO_BUFFER_BYTES >> 8, ECHO_BUFFER_BYTES & 0xff), allocationLength);
      default:
        return invalidFieldInCdb(command, MODE_AT, MODE_BIT);
    }
  },
};

function descriptorOf(capacityBytes: number): Uint8Array {
  return Uint8Array.of(OFFSET_BOUNDARY_ANY, capacityBytes >> 16, (capacityBytes >> 8) & 0xff, capacityBytes & 0xff);
}

/** SPC-4 "Read data from echo buffer": what this nexus wrote last, and nobody else's. */
function readEcho(command: CommandSlot, unit: LogicalUnit, nexus: ITNexus, allocationLength: number): void {
  const buffers = unit.part(UnitBuffers);
  if (buffers.overwrittenNexuses.delete(nexus.id)) checkCondition(command, SenseKey.illegalRequest, Asc.echoBufferOverwritten);
  else if (buffers.echoWriter !== nexus.id) checkCondition(command, SenseKey.illegalRequest, Asc.commandSequenceError);
  else returnData(command, buffers.echo, allocationLength);
}

export const writeBufferRow: UnitCommandRow = {
  ...common,
  reservation: 'write',
  opcode: 0x3b,
  name: 'WRITE BUFFER (10)',
  clause: 'SPC-4 "WRITE BUFFER command"',
  cdbUsage: usageOf(0x3b),
  passesNotReady: true,
  plan(command) {
    const mode = (command.cdb[MODE_AT] as number) & MODE_MASK;
    const offset = readUint24(command.cdbView, BUFFER_OFFSET_AT);
    const lengthBytes = readUint24(command.cdbView, LENGTH_AT);
    if (mode !== BufferMode.data && mode !== BufferMode.echo) return invalidFieldInCdb(command, MODE_AT, MODE_BIT);
    if (mode === BufferMode.data && command.cdb[BUFFER_ID_AT] !== 0) return invalidFieldInCdb(command, BUFFER_ID_AT);
    if (mode === BufferMode.data && offset > DATA_BUFFER_BYTES) return invalidFieldInCdb(command, BUFFER_OFFSET_AT);
    const roomBytes = mode === BufferMode.data ? DATA_BUFFER_BYTES - offset : ECHO_BUFFER_BYTES;
    if (lengthBytes > roomBytes) return invalidFieldInCdb(command, LENGTH_AT);
    planParameterList(command, lengthBytes, LENGTH_AT);
  },
  execute(command, unit, nexus) {
    const bytes = parameterListOf(command);
    const buffers = unit.part(UnitBuffers);
    if (((command.cdb[MODE_AT] as number) & MODE_MASK) === BufferMode.data) buffers.data.set(bytes, readUint24(command.cdbView, BUFFER_OFFSET_AT));
    else buffers.writeEcho(bytes, nexus);
  },
};
