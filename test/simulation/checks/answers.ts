import { streamOf } from '../../../src/domain/streams.ts';
import type { Exchange } from '../clients/client.ts';
import type { Order } from '../clients/workload.ts';
import type { Finished } from '../simulation.ts';

const kinds = { tasks: 'task', schedules: 'schedule', orchestrations: 'orchestration' } as const;

/** What clients were told, against what was done. */
export function checkAnswers(finished: Finished): void {
  const { workload, behaviours, host, world } = finished;
  for (const order of workload.orders) {
    checkCreated(finished, order);
    for (const exchange of order.asked) checkChange(finished, order, exchange);
  }
  for (const { taskId, body } of behaviours.taken) {
    const entries = host.table.of(streamOf('task', taskId));
    const isKept = entries.some(({ event }) => event.type === 'TaskSucceeded' && event.body !== undefined && textOf(event.body) === body);
    if (!isKept) world.violate('S2', `the answer ${body} for ${taskId} was taken and is not in the log`);
  }
}

const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

function checkCreated({ host, world }: Finished, { kind, created, id }: Order): void {
  const { answer, asked } = created;
  if (answer === null) return;
  const what = `${asked.method} ${asked.path} of ${id ?? 'an unknown id'} was answered ${answer.status}`;
  if (answer.status === 201 || answer.status === 200) {
    if (id === null || host.table.of(streamOf(kinds[kind], id)).length === 0) world.violate('S2', `${what}, and it is not in the log`);
    if (answer.status === 200 && !created.repeated) world.violate('S5', `${what}, although it was sent once`);
    return;
  }
  // An id that a schedule or an orchestration has taken first is somebody else's.
  const taken = kind === 'tasks' && id !== null && host.table.of(streamOf('task', id))[0]?.event.facts.origin !== null;
  if (!taken) world.violate('S5', `${what}: ${JSON.stringify(answer.body)}`);
}

const expected: Readonly<Record<string, readonly number[]>> = {
  GET: [200, 404],
  PATCH: [200, 400, 404, 409],
  DELETE: [204, 404, 409],
  POST: [200, 201, 404, 409],
};

function checkChange({ host, world }: Finished, { kind, id }: Order, { asked, answer, endedAt }: Exchange): void {
  if (answer === null || id === null) return;
  const stream = streamOf(kinds[kind], id);
  const what = `${asked.method} ${asked.path} was answered ${answer.status}`;
  if (!expected[asked.method]?.includes(answer.status)) world.violate('API', `${what}: ${JSON.stringify(answer.body)}`);
  const entries = host.table.of(stream);
  const has = (type: string): boolean => entries.some(({ event, at }) => event.type === type && at <= endedAt);
  const isTask = kind === 'tasks';
  if (asked.path.endsWith('/cancel') && answer.status === 200) {
    if (!has(isTask ? 'TaskCancelled' : 'OrchestrationCancelled')) world.violate('S2', `${what}, and the log does not say so`);
    if (isTask) checkSilence(endedAt);
  }
  if (asked.method === 'DELETE' && answer.status === 204) {
    if (!has(isTask ? 'TaskDeleted' : 'ScheduleDeleted')) world.violate('S2', `${what}, and the log does not say so`);
    if (isTask) checkSilence(endedAt);
  }
  if (asked.path.endsWith('/trigger') && (answer.status === 201 || answer.status === 200)) {
    const taskId = (answer.body as { readonly id: string }).id;
    const [first] = host.table.of(streamOf('task', taskId));
    if (first === undefined || first.at > endedAt) world.violate('S2', `${what} with the task ${taskId}, which was not there`);
  }

  /** After this nothing of the task is called any more. */
  function checkSilence(since: number): void {
    for (const receipt of host.targets.receipts) {
      if (receipt.taskId === id && receipt.at > since) world.violate('S9', `${what}, and attempt ${receipt.attempt} was called after it`);
    }
  }
}
