import * as z from 'zod';
import { parseExactJson } from '../../application/exact-json.ts';
import { isDeeperThan } from '../../application/json-depth.ts';
import type { Digest } from '../../application/ports.ts';
import { refuse } from '../../application/reading.ts';
import { ownSources } from '../../application/render-event.ts';
import { limits } from '../../domain/limits.ts';
import { readIdempotencyKey } from './input/identifier.ts';
import { parseWith, read } from './input/parse-result.ts';
import { oneOf, readTextWithin } from './input/scalars.ts';
import { inputProblemBody, type ProblemBody, problemBody } from './problem.ts';
import { idOfKey } from './requests.ts';
import { createTask, type TaskCreationPorts } from './task-creation.ts';

export type TaskEventPorts = TaskCreationPorts & { readonly digest: Digest };
export type TaskEventOutcome =
  /** `isNew` tells a task that was made from one that the same event made before. */
  | { readonly outcome: 'done'; readonly taskId: string; readonly isNew: boolean }
  /** Bringing the event again would change nothing. */
  | { readonly outcome: 'refused'; readonly problem: ProblemBody };

/** The `detail-type` of events that ask for a task. */
export const taskEventType = 'ScheduleTask';

const own: ReadonlySet<string> = new Set(ownSources);

/** As EventBridge hands events over, with whatever else that has beside these. */
const taskEvent = z.object({
  id: read({}, readIdempotencyKey),
  source: read({}, (value) => {
    if (typeof value === 'string' && own.has(value)) return refuse(`must not be "${value}": what Errand tells makes no tasks`);
    return readTextWithin(value, { min: 1, max: limits.eventSourceLength });
  }),
  'detail-type': oneOf([taskEventType]),
  // Left as it is, down to members called `__proto__`, for what parses the body of POST /tasks.
  detail: read({}, (value) =>
    typeof value === 'object' && value !== null && !Array.isArray(value) ? { ok: true, value } : refuse('must be a JSON object'),
  ),
});

/**
 * Makes a task of an event that asks for one, given as its JSON text: `{id, source, "detail-type": "ScheduleTask", detail}`, whose
 * detail is a body of `POST /tasks`. Without an id there, the event's own id is its Idempotency-Key, and the source is whose key it is.
 * So an event that comes again changes nothing and is done. Throws, as the log does, where bringing the event again may help.
 */
export async function createFromEvent(ports: TaskEventPorts, text: string): Promise<TaskEventOutcome> {
  if (Buffer.byteLength(text) > limits.requestBytes) return refused(problemBody(413, eventTooLarge));
  // The detail may be as deep as a request.
  if (isDeeperThan(text, limits.jsonDepth + 1)) return refused(problemBody(400, `detail is nested deeper than ${limits.jsonDepth} levels`));
  let value: unknown;
  try {
    value = parseExactJson(text);
  } catch {
    return refused(problemBody(400, 'the event is not well-formed JSON'));
  }
  const parsed = parseWith(taskEvent, value);
  if (!parsed.ok) return refused(inputProblemBody(parsed.errors));
  const { id, source, detail } = parsed.value;
  // Of another form than the callers of requests, whatever a producer calls itself.
  const created = await createTask(ports, detail, idOfKey(ports.digest, `source ${source}`, id), 'detail');
  if (!('problem' in created)) return { outcome: 'done', taskId: created.state.id, isNew: created.isNew };
  if (created.problem.status === 503) throw new Error(created.problem.detail);
  return refused(created.problem);
}

export const eventTooLarge = `an event may have at most ${limits.requestBytes} bytes`;

function refused(problem: ProblemBody): TaskEventOutcome {
  return { outcome: 'refused', problem };
}
