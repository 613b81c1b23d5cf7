import { ServiceAction } from '../protocol/service-action.js';
import { Permission } from '../security/capability.js';
import { collectionCommands } from './collection-commands.js';
import { dataCommands } from './data-commands.js';
import type { CommandDefinition } from './definition.js';
import { keyCommands, type MasterKeyExchange } from './key-commands.js';
import { listCommands } from './list-commands.js';
import { objectCommands } from './object-commands.js';
import { theRoot } from './objects.js';

/** Where PERFORM SCSI COMMAND has its CDB of 6 to 16 bytes. OSD-2 "PERFORM SCSI COMMAND command". */
export const PERFORMED_CDB = { at: 16, lengthBytes: 16 } as const;
/** PERFORM TASK MANAGEMENT FUNCTION: the function, and the tag of the task that it is for. OSD-2 "PERFORM TASK MANAGEMENT FUNCTION command". */
export const TASK_MANAGEMENT = { functionAt: 16, tagAt: 24 } as const;

/**
 * Commands whose work is the main thread's, which has the unit and its tasks: what is done here is to judge them, and the attributes that come with them.
 */
const performCommands: readonly CommandDefinition[] = [
  {
    serviceAction: ServiceAction.performScsiCommand,
    name: 'PERFORM SCSI COMMAND',
    optionsMask: 0,
    fields: [[PERFORMED_CDB.at, PERFORMED_CDB.lengthBytes]],
    changes: false,
    object: theRoot,
    permissions: () => Permission.deviceManagement,
    run: () => {},
  },
  {
    serviceAction: ServiceAction.performTaskManagementFunction,
    name: 'PERFORM TASK MANAGEMENT FUNCTION',
    optionsMask: 0,
    fields: [
      [TASK_MANAGEMENT.functionAt, 1],
      [TASK_MANAGEMENT.tagAt, 8],
    ],
    changes: false,
    object: theRoot,
    permissions: () => Permission.deviceManagement,
    run: () => {},
  },
];

/** Every service action, one definition each. */
export function commandDefinitions(state: MasterKeyExchange): readonly CommandDefinition[] {
  return [...objectCommands, ...dataCommands, ...listCommands, ...collectionCommands, ...keyCommands(state), ...performCommands];
}
