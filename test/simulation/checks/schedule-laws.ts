import { scheduleEvent } from '../../../src/application/event-schemas.ts';
import { idOf, streamOf } from '../../../src/domain/streams.ts';
import type { World } from '../kernel/world.ts';
import type { EventTable } from '../services/event-table.ts';

/** The laws of one schedule: numbers without gaps or repeats, within its limit, nothing while it is paused, and a task for each. */
export function checkSchedule(world: World, table: EventTable, stream: string): void {
  const id = idOf(stream);
  let [number, fired] = [0, 0];
  let status: 'active' | 'paused' | 'over' = 'active';
  let most: number | null = null;
  let lastDueAt = Number.NEGATIVE_INFINITY;
  const breaks = (law: string, what: string): void => world.violate(law, `${stream}: ${what}`);
  for (const { event: stored, at } of table.of(stream)) {
    const event = scheduleEvent(stored);
    if (
      status === 'over' &&
      event.type !== 'ChildConfirmed' &&
      event.type !== 'OccurrenceTriggered' &&
      event.type !== 'ScheduleDeleted' &&
      event.type !== 'ScheduleChanged'
    ) {
      if (event.type !== 'SchedulePaused' && event.type !== 'ScheduleResumed') breaks('S4', `${event.type} after its end`);
    }
    switch (event.type) {
      case 'ScheduleCreated':
        most = event.data.maxOccurrences;
        break;
      case 'ScheduleChanged':
        if (event.data.maxOccurrences !== undefined) most = event.data.maxOccurrences;
        if (status === 'over') status = 'active';
        break;
      case 'SchedulePaused':
        status = 'paused';
        break;
      case 'ScheduleResumed':
        status = 'active';
        break;
      case 'ScheduleFinished':
      case 'ScheduleDeleted':
        status = 'over';
        break;
      case 'OccurrenceFired': {
        [number, fired] = [number + 1, fired + 1];
        const { occurrence, dueAt, taskId } = event.data;
        if (occurrence !== number) breaks('occurrences', `occurrence ${occurrence} after ${number - 1}`);
        if (taskId !== `${id}.${occurrence}`) breaks('occurrences', `occurrence ${occurrence} is the task ${taskId}`);
        if (status !== 'active') breaks('occurrences', `occurrence ${occurrence} was fired while it was ${status}`);
        if (most !== null && fired > most) breaks('occurrences', `${fired} were fired of ${most}`);
        if (dueAt <= lastDueAt) breaks('occurrences', `occurrence ${occurrence} is not after the one before it`);
        if (stored.occurredAt < dueAt) breaks('S6', `occurrence ${occurrence} was fired ${dueAt - stored.occurredAt} ms before its time`);
        lastDueAt = dueAt;
        checkChild(taskId, { scheduleId: id, occurrence }, at);
        break;
      }
      case 'OccurrenceTriggered':
        checkChild(event.data.taskId, { scheduleId: id, occurrence: 0 }, at);
        break;
      case 'OccurrencesSkipped':
        // A number that somebody else's task has is used up all the same, or it would be tried for ever; the occurrence does not count.
        if (event.data.why === 'id-taken' && !event.data.taskId.includes('.trigger-')) fired -= 1;
        break;
    }
  }

  /** At rest each task that was named is there, made after it was named; one of somebody else was told of. */
  function checkChild(taskId: string, origin: object, namedAt: number): void {
    const [first] = table.of(streamOf('task', taskId));
    if (first === undefined) {
      breaks('L1', `the task ${taskId} was never made`);
      return;
    }
    const isOurs = JSON.stringify(first.event.facts.origin) === JSON.stringify(origin);
    const isGivenUp = table
      .of(stream)
      .some(({ event }) => event.type === 'OccurrencesSkipped' && (event.data as { taskId?: string }).taskId === taskId);
    if (isOurs && first.at < namedAt) breaks('children', `the task ${taskId} was made before it was named`);
    if (!isOurs && !isGivenUp) breaks('children', `the task ${taskId} is none of ours, and nobody was told`);
  }
}
