import type { Contention } from '../../application/execute.ts';
import { isoTime } from '../../application/times.ts';
import type { OrchestrationRefusal } from '../../domain/orchestration/commands.ts';
import { type ProblemBody, problemBody } from './problem.ts';

/** What was asked of the orchestration. */
export type AskedOfOrchestration = 'create' | 'change' | 'cancel';

const needed: Readonly<Record<AskedOfOrchestration, string>> = {
  create: 'the orchestration cannot be created',
  change: 'only a scheduled orchestration can be changed',
  cancel: 'only a scheduled or running orchestration can be cancelled',
};

/** Every refusal of an orchestration's command as an answer: one table. */
export function orchestrationRefusalBody(refusal: OrchestrationRefusal | Contention, asked: AskedOfOrchestration): ProblemBody {
  switch (refusal.reason) {
    case 'missing':
      return problemBody(404, 'there is no such orchestration');
    case 'deleted':
      if (asked === 'create') return problemBody(409, 'an orchestration of this id was erased; an id is never used again');
      return problemBody(404, 'there is no such orchestration');
    case 'different-content':
      return problemBody(
        409,
        'an orchestration of this id, or for this Idempotency-Key, exists already and was made from different content',
      );
    case 'wrong-status':
      return problemBody(409, `${needed[asked]}: it is ${refusal.status} since ${isoTime(refusal.at)}`);
    case 'limit':
      if (refusal.limit === 'definition')
        return problemBody(413, `an orchestration may have at most ${refusal.value} bytes with its bodies`);
      return problemBody(400, `limit reached: at most ${refusal.value} ${refusal.limit} an orchestration`);
    case 'version-mismatch':
      return problemBody(412, `If-Match does not match: the orchestration is at version ${refusal.version}`);
    case 'not-due':
    case 'child-unfinished':
    case 'stale':
    case 'contended':
      return problemBody(503, 'the orchestration is being changed too quickly by others; try again');
    default:
      return refusal satisfies never;
  }
}
