import { isLive } from '../../application/queries.ts';
import { type TaskCreationPorts as CommandPorts, scheduleTask } from '../../application/task-commands.ts';
import type { LoadedTask } from '../../application/task-store.ts';
import type { Live } from '../../domain/task/state.ts';
import { canonicalJson } from './canonical.ts';
import { under } from './input/task-action.ts';
import { parseTask, type TaskInputContext } from './input/task-input.ts';
import { inputProblemBody, type ProblemBody } from './problem.ts';
import { refusalBody } from './refusal.ts';

export type TaskCreationPorts = CommandPorts & { readonly input: Omit<TaskInputContext, 'now'> };
export type CreatedTask =
  | { readonly state: Live; readonly loaded: LoadedTask; readonly isNew: boolean }
  | { readonly problem: ProblemBody };

/**
 * Makes a task of a parsed body of `POST /tasks`, or finds the one that the same content made before. `keyId` stands in for an id that
 * is not given. Where the body is a field of something larger, `field` is put before the paths of what is wrong with it.
 */
export async function createTask(ports: TaskCreationPorts, body: unknown, keyId: string | null, field = ''): Promise<CreatedTask> {
  const parsed = parseTask(body, { ...ports.input, now: ports.clock.now() });
  if (!parsed.ok) {
    return {
      problem: inputProblemBody(parsed.errors.map(({ path, message }) => ({ path: field === '' ? path : under(field, path), message }))),
    };
  }
  const outcome = await scheduleTask(ports, parsed.value, { content: canonicalJson(body), idempotencyId: keyId });
  if (outcome.outcome === 'refused') return { problem: refusalBody(outcome.refusal, 'create') };
  const { state } = outcome.loaded;
  if (!isLive(state)) throw new Error('a task was created and does not exist');
  return { state, loaded: outcome.loaded, isNew: outcome.changed };
}
