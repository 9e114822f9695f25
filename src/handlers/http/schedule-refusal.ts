import type { Contention } from '../../application/execute.ts';
import { isoTime } from '../../application/times.ts';
import type { ScheduleRefusal } from '../../domain/schedule/commands.ts';
import { inputProblemBody, type ProblemBody, problemBody } from './problem.ts';

/** What was asked of the schedule. */
export type AskedOfSchedule = 'create' | 'change' | 'pause' | 'resume' | 'trigger' | 'delete';

const needed: Readonly<Record<AskedOfSchedule, string>> = {
  create: 'the schedule cannot be created',
  change: 'the schedule cannot be changed',
  pause: 'only an active schedule can be paused',
  resume: 'only a paused schedule can be resumed',
  trigger: 'the schedule cannot be triggered',
  delete: 'the schedule cannot be deleted',
};

/** Every refusal of a schedule's command as an answer: one table. */
export function scheduleRefusalBody(refusal: ScheduleRefusal | Contention, asked: AskedOfSchedule): ProblemBody {
  switch (refusal.reason) {
    case 'missing':
      return problemBody(404, 'there is no such schedule');
    case 'deleted':
      if (asked === 'create') return problemBody(409, 'a schedule of this id was deleted; an id is never used again');
      return problemBody(404, 'there is no such schedule');
    case 'different-content':
      return problemBody(409, 'a schedule of this id, or for this Idempotency-Key, exists already and was made from different content');
    case 'wrong-status':
      return problemBody(409, `${needed[asked]}: it is ${refusal.status} since ${isoTime(refusal.at)}`);
    case 'never-fires':
      return problemBody(400, 'the schedule would never run: no time lies between its start and its end', [
        { path: refusal.field, message: 'leaves no time at which to run' },
      ]);
    case 'run-all-needs-allow':
      return inputProblemBody([{ path: 'misfire', message: 'can be run-all only with overlap allow' }]);
    case 'limit':
      return problemBody(400, `limit reached: at most ${refusal.value} ${refusal.limit} a schedule`);
    case 'version-mismatch':
      return problemBody(412, `If-Match does not match: the schedule is at version ${refusal.version}`);
    case 'not-due':
    case 'held':
    case 'unconfirmed-child':
    case 'stale':
    case 'contended':
      return problemBody(503, 'the schedule is being changed too quickly by others; try again');
    default:
      return refusal satisfies never;
  }
}
