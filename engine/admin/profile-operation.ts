import { TargetError } from '../errors.js';
import type { ControlParams, ControlSocket } from './control-socket.js';
import { type EngineProfiler, PROFILE_INTERVAL_MICROS_DEFAULT } from './engine-profiler.js';

/** The name of the operation that `lunloom profile` asks for: `{"durationMs": …, "intervalMicros": …}`, answered with an `EngineProfile`. */
export const PROFILE_OPERATION = 'profile';

/** Lets a client of the control socket take CPU profiles. A client that leaves ends the profile that it asked for. */
export function registerProfileOperation(socket: Pick<ControlSocket, 'registerOperation'>, profiler: EngineProfiler): void {
  socket.registerOperation(PROFILE_OPERATION, (params, client) => {
    const durationMs = numberOf(params, 'durationMs');
    const intervalMicros = numberOf(params, 'intervalMicros', PROFILE_INTERVAL_MICROS_DEFAULT);
    return profiler.take({ durationMs, intervalMicros }, client.gone);
  });
}

function numberOf(params: ControlParams, name: string, missing?: number): number {
  const value = params[name] ?? missing;
  if (typeof value !== 'number') throw new TargetError('PROFILE_OPTIONS', `expected ${name} to be a number`);
  return value;
}
