/** An I_T nexus, SAM-5 §4.3: one initiator port and one target port. For iSCSI a session is one. */
export interface ITNexus {
  /** Unique in this process; never used again. */
  readonly id: number;
  /** iSCSI: `<initiator name>,i,0x<ISID>`. RFC 7143 §4.4.2. */
  readonly initiatorPortName: string;
  /** iSCSI: `<target name>,t,0x<portal group tag>`. */
  readonly targetPortName: string;
  readonly relativeTargetPortIdentifier: number;
}
