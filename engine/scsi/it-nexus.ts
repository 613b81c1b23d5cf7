/** An I_T nexus, SAM-5 §4.3: one initiator port and one target port. For iSCSI a session is one. */
export interface ITNexus {
  /** Unique in this process; never used again. */
  readonly id: number;
  /** iSCSI: `<initiator name>,i,0x<ISID>`. RFC 7143 §4.4.2. */
  readonly initiatorPortName: string;
  /** iSCSI: `<target name>,t,0x<portal group tag>`. */
  readonly targetPortName: string;
  readonly relativeTargetPortIdentifier: number;
  readonly firstAttention?: FirstAttention;
  /** The LUNs that it may know of and that have a logical unit now; all of the target where it is left out. */
  readonly visibleLuns?: readonly number[] | undefined;
}

/**
 * The unit attention condition that every logical unit has for a new nexus (SAM-5 §5.14 "Unit attention conditions"), kept once for all
 * of them: an entry in each unit would cost sessions × units, most of which never meet.
 */
export interface FirstAttention {
  readonly asc: number;
  /** Handles of the units that have reported it, or have it not. */
  readonly toldHandles: Set<number>;
}
