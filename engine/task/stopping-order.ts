import { type Task, TaskState } from './task.js';

/**
 * Tasks that are to be stopped together, those that execute last: the end of one lets those behind it in the task set begin, and they must have been stopped
 * by then.
 */
export function inStoppingOrder(tasks: readonly Task[]): Task[] {
  const executes = (task: Task) => task.state === TaskState.executing;
  return [...tasks.filter((task) => !executes(task)), ...tasks.filter(executes)];
}
