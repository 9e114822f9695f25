import { limits } from '../../src/domain/limits.ts';
import type { ScheduleState } from '../../src/domain/schedule/state.ts';

const existing = [
  'id',
  'status',
  'version',
  'createdAt',
  'updatedAt',
  'definition',
  'body',
  'anchorAt',
  'through',
  'numbered',
  'occurrences',
  'skipped',
  'triggers',
  'changes',
  'lastRuns',
  'unconfirmed',
];
const fields: Record<ScheduleState['status'], readonly string[]> = {
  missing: ['status', 'version'],
  active: [...existing, 'next', 'buffered'],
  paused: [...existing, 'pausedAt'],
  finished: [...existing, 'finishedAt'],
  deleted: ['id', 'status', 'version', 'createdAt', 'updatedAt'],
};

/** What is wrong with a state, in words; empty for a legal one. A field exists only where it means something. */
export function shapeProblems(state: ScheduleState): readonly string[] {
  const problems: string[] = [];
  const [expected, found] = [[...fields[state.status]].sort().join(), Object.keys(state).sort().join()];
  if (expected !== found) problems.push(`${state.status} has the fields ${found}, not ${expected}`);
  if (state.status === 'missing' || state.status === 'deleted') return problems;
  const { through, numbered, occurrences, lastRuns, definition } = state;
  if (occurrences > numbered) problems.push('more fired than numbered');
  if (lastRuns.length > Math.min(limits.lastRuns, occurrences)) problems.push(`${lastRuns.length} last runs of ${occurrences}`);
  if (lastRuns.some(({ occurrence }, index) => occurrence <= (lastRuns[index - 1]?.occurrence ?? 0))) problems.push('runs out of order');
  if ((state.body?.bytes ?? 0) !== (definition.template.action.body?.bytes ?? 0)) problems.push('a body of another length than its note');
  if (state.status !== 'active') return problems;
  const { next, buffered } = state;
  if (next !== null && through !== null && next.dueAt <= through) problems.push('the next time was dealt with before');
  if (next !== null && (next.fireAt < next.dueAt || next.fireAt > next.dueAt + limits.scheduleJitterMaxMs)) problems.push('jitter');
  if (buffered !== null && (through === null || buffered.dueAt > through)) problems.push('buffered a time that lies ahead');
  return problems;
}
