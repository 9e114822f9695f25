import type { CommandRefusal } from '../../application/execute.ts';
import { isoTime } from '../../application/times.ts';
import type { StatusRefusal } from '../../domain/task/commands.ts';
import { type ProblemBody, problemBody } from './problem.ts';

/** What was asked of the task, to say what it would have needed. */
export type Asked = 'create' | 'change' | 'cancel' | 'run' | 'retry' | 'redeliver' | 'delete' | 'answer';

/** Every refusal of a command as an answer: one table. */
export function refusalBody(refusal: CommandRefusal, asked: Asked): ProblemBody {
  switch (refusal.reason) {
    case 'missing':
      return problemBody(404, 'there is no such task');
    case 'deleted':
      if (asked === 'create') return problemBody(409, 'a task of this id was deleted; an id is never used again');
      return problemBody(404, 'there is no such task');
    case 'different-content':
      return problemBody(409, 'a task of this id, or for this Idempotency-Key, exists already and was made from different content');
    case 'different-answer':
      return problemBody(409, 'this run was answered already, with a different answer');
    case 'run-over':
      return problemBody(409, 'the run that this token belongs to is over');
    case 'superseded':
      return problemBody(409, 'this token does not belong to the current attempt');
    case 'different-action':
      return problemBody(400, `request cannot be given: the task is made of ${refusal.action === 'event' ? 'an event' : 'a runner'}`, [
        { path: 'request', message: `cannot be given: the task is made of ${refusal.action === 'event' ? 'an event' : 'a runner'}` },
      ]);
    case 'wrong-status':
      return problemBody(409, `${needed[asked]}: ${situation(refusal)}`);
    case 'not-due':
      return problemBody(409, 'the task is not due yet');
    case 'attempts-spent':
      return problemBody(409, `retry.maxAttempts must be above ${refusal.attempt}: attempt ${refusal.attempt} was started already`);
    case 'no-callback':
      return problemBody(409, 'the task has no callback for the status it ended with');
    case 'limit':
      return problemBody(400, `limit reached: at most ${refusal.value} ${refusal.limit} a task`);
    case 'version-mismatch':
      return problemBody(412, `If-Match does not match: the task is at version ${refusal.version}`);
    case 'contended':
      return problemBody(503, 'the task is being changed too quickly by others; try again');
    default:
      return refusal satisfies never;
  }
}

const needed: Readonly<Record<Asked, string>> = {
  create: 'the task cannot be created',
  change: 'only a scheduled task can be changed',
  cancel: 'only a scheduled or waiting task can be cancelled',
  run: 'only a scheduled task can be run now',
  retry: 'only a failed task can be retried',
  redeliver: 'only the callback of a finished task can be sent again',
  delete: 'a running task cannot be deleted',
  answer: 'the task takes no answer now',
};

/** What won, and when. */
function situation({ status, attempt, at }: StatusRefusal): string {
  const time = isoTime(at);
  switch (status) {
    case 'scheduled':
      return attempt === 0 ? `it is scheduled since ${time}` : `it waits for its next attempt since ${time}`;
    case 'running':
      return `attempt ${attempt} started at ${time}`;
    case 'waiting':
      return `attempt ${attempt} was accepted by the target at ${time} and its answer is awaited`;
    case 'succeeded':
    case 'failed':
    case 'cancelled':
      return `it ${status === 'cancelled' ? 'was cancelled' : status} at ${time}`;
    default:
      return status satisfies never;
  }
}
