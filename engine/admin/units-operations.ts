import { TargetError } from '../errors.js';
import { ACCESS_STATE_NAMES, type AccessStateName } from '../scsi/alua/access-state.js';
import type { LiveUnits } from '../units/live-units.js';
import type { ControlParams, ControlSocket } from './control-socket.js';

/**
 * The operations of `lunloom lun` and `lunloom alua`. `target` may be left out where there is only one:
 *
 *     lun-list    {}                                          TargetUnits[]
 *     lun-add     {"target", "lun": {"lun": 3, "store": …}}   the keys of the configuration file
 *     lun-remove  {"target", "lun": 3}
 *     lun-resize  {"target", "lun": 3, "sizeBytes": …, "force": false}
 *     lun-eject   {"target", "lun": 3, "force": false}
 *     lun-load    {"target", "lun": 3}
 *     lun-do      {"target", "lun": 3, "operation": "insert", "arguments": ["/srv/a.tape"]}   what the device answers
 *     alua-set    {"target", "group": 1, "state": "standby", "transitionMs": 0}
 *
 * All but `lun-list` and `lun-do` answer null.
 */
export function registerUnitsOperations(socket: Pick<ControlSocket, 'registerOperation'>, units: LiveUnits): void {
  socket.registerOperation('lun-list', () => units.list());
  socket.registerOperation('lun-add', async (params) => {
    await units.add(targetOf(params, units), mappingOf(params, 'lun'));
    return null;
  });
  socket.registerOperation('lun-remove', async (params) => {
    await units.remove(targetOf(params, units), numberOf(params, 'lun'));
    return null;
  });
  socket.registerOperation('lun-resize', async (params) => {
    await units.resize(targetOf(params, units), numberOf(params, 'lun'), numberOf(params, 'sizeBytes'), { force: flagOf(params, 'force') });
    return null;
  });
  socket.registerOperation('lun-eject', async (params) => {
    await units.eject(targetOf(params, units), numberOf(params, 'lun'), { force: flagOf(params, 'force') });
    return null;
  });
  socket.registerOperation('lun-load', async (params) => {
    await units.load(targetOf(params, units), numberOf(params, 'lun'));
    return null;
  });
  socket.registerOperation('lun-do', async (params) => {
    const answer = await units.operate(
      targetOf(params, units),
      numberOf(params, 'lun'),
      textOf(params['operation'], 'operation'),
      textsOf(params, 'arguments'),
    );
    return answer ?? null;
  });
  socket.registerOperation('alua-set', (params) => {
    const transitionMs = params['transitionMs'] === undefined ? 0 : numberOf(params, 'transitionMs');
    units.setAccessState(targetOf(params, units), numberOf(params, 'group'), stateOf(params), transitionMs);
    return null;
  });
}

function badRequest(message: string): TargetError {
  return new TargetError('CONTROL_BAD_REQUEST', message);
}

function targetOf(params: ControlParams, units: LiveUnits): string {
  const name = params['target'];
  if (typeof name === 'string') return name;
  if (name !== undefined && name !== null) throw badRequest('expected target to be a name');
  const [only, ...others] = units.list();
  if (only !== undefined && others.length === 0) return only.name;
  throw new TargetError('TARGET_UNKNOWN', `there are several targets; name one: ${[only, ...others].map((target) => target?.name).join(', ')}`);
}

function numberOf(params: ControlParams, key: string): number {
  const value = params[key];
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0) throw badRequest(`expected ${key} to be a whole number`);
  return value;
}

function textOf(value: unknown, key: string): string {
  if (typeof value !== 'string') throw badRequest(`expected ${key} to be text`);
  return value;
}

function textsOf(params: ControlParams, key: string): string[] {
  const value = params[key] ?? [];
  if (!Array.isArray(value)) throw badRequest(`expected ${key} to be a list of texts`);
  return value.map((item) => textOf(item, key));
}

function flagOf(params: ControlParams, key: string): boolean {
  const value = params[key] ?? false;
  if (typeof value !== 'boolean') throw badRequest(`expected ${key} to be true or false`);
  return value;
}

function mappingOf(params: ControlParams, key: string): Readonly<Record<string, unknown>> {
  const value = params[key];
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw badRequest(`expected ${key} to be a mapping`);
  return value as Readonly<Record<string, unknown>>;
}

function stateOf(params: ControlParams): AccessStateName {
  const name = ACCESS_STATE_NAMES.find((known) => known === params['state']);
  if (name === undefined) throw badRequest(`expected state to be one of ${ACCESS_STATE_NAMES.join(', ')}`);
  return name;
}
