/** Connection states of the target, RFC 7143 §8.1.3 "State Transition Descriptions for Connections". */
export const ConnectionState = {
  free: 'S1: FREE',
  inLogin: 'S4: IN_LOGIN',
  loggedIn: 'S5: LOGGED_IN',
  inLogout: 'S6: IN_LOGOUT',
  logoutRequested: 'S7: LOGOUT_REQUESTED',
} as const;
export type ConnectionState = (typeof ConnectionState)[keyof typeof ConnectionState];

export const connectionTransitions: Record<ConnectionState, readonly ConnectionState[]> = {
  [ConnectionState.free]: [],
  [ConnectionState.inLogin]: [ConnectionState.loggedIn, ConnectionState.free],
  [ConnectionState.loggedIn]: [ConnectionState.inLogout, ConnectionState.logoutRequested, ConnectionState.free],
  [ConnectionState.logoutRequested]: [ConnectionState.inLogout, ConnectionState.free],
  [ConnectionState.inLogout]: [ConnectionState.free],
};

/** What is to be done with the PDU being received once its data segment is complete. */
export const PduFinish = { drop: 0, reject: 1, scsiCommand: 2, dataOut: 3, control: 4, login: 5 } as const;
export type PduFinish = (typeof PduFinish)[keyof typeof PduFinish];

/** How a connection ended: what becomes of its tasks and of its session follows from it. RFC 7143 §7.1.5, §11.14.1. */
export const ConnectionEnd = {
  /** By a logout that closes it: its tasks end, and with the last connection its session. */
  loggedOut: 0,
  /** By a logout "remove the connection for recovery". */
  removedForRecovery: 1,
  /** Unasked. */
  failed: 2,
} as const;
export type ConnectionEnd = (typeof ConnectionEnd)[keyof typeof ConnectionEnd];
