/**
 * Target port asymmetric access states, SPC-4 "Target port group asymmetric access state", with the values of ASYMMETRIC ACCESS STATE.
 * LBA dependent (4h) and offline (Eh) are not here: all blocks of a unit are behind the same ports, and a port that is offline answers nobody.
 */
export const AccessState = {
  activeOptimized: 0x0,
  activeNonOptimized: 0x1,
  standby: 0x2,
  unavailable: 0x3,
  transitioning: 0xf,
} as const;
export type AccessState = (typeof AccessState)[keyof typeof AccessState];

/** The states that somebody may ask for, by the names that people write. */
export const settableAccessStates = {
  'active-optimized': AccessState.activeOptimized,
  'active-non-optimized': AccessState.activeNonOptimized,
  standby: AccessState.standby,
  unavailable: AccessState.unavailable,
} as const;
export type AccessStateName = keyof typeof settableAccessStates;
export const ACCESS_STATE_NAMES = Object.keys(settableAccessStates) as readonly AccessStateName[];

export function accessStateName(state: AccessState): AccessStateName | 'transitioning' {
  return ACCESS_STATE_NAMES.find((name) => settableAccessStates[name] === state) ?? 'transitioning';
}

/** All commands run in it. */
export function isActive(state: AccessState): boolean {
  return state === AccessState.activeOptimized || state === AccessState.activeNonOptimized;
}
