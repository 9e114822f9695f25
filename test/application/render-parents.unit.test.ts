import { describe, expect, it } from 'vitest';
import { recurrences } from '../../src/adapters/recurrence/recurrences.ts';
import { isPublished } from '../../src/application/dispatch.ts';
import { renderDetail, renderStreamEvent } from '../../src/application/render-event.ts';
import { renderOrchestration } from '../../src/application/render-orchestration.ts';
import { renderSchedule } from '../../src/application/render-schedule.ts';
import type { Live as LiveOrchestration } from '../../src/domain/orchestration/state.ts';
import type { Live as LiveSchedule } from '../../src/domain/schedule/state.ts';
import { isListed, kindOf } from '../../src/domain/streams.ts';
import { orchestrationAnswer } from '../../src/handlers/http/openapi/orchestration-operations.ts';
import { scheduleAnswer } from '../../src/handlers/http/openapi/schedule-operations.ts';
import { recordedStreams, storedAlong } from '../support/stored-streams.ts';

const fixtures = recordedStreams.filter(({ name }) => !name.startsWith('task-'));

/** Epoch milliseconds that were left as they are. */
function bareTimes(value: unknown): unknown[] {
  if (typeof value === 'number') return value > 1e12 ? [value] : [];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(bareTimes) : [];
}

describe.each(fixtures)('what is shown of $name', ({ events }) => {
  const moments = storedAlong(events);

  it('are events with ISO times, masked secrets and the id of what they happened to', () => {
    for (const { stored } of moments) {
      const [detail, shown] = [renderDetail(stored), renderStreamEvent(stored)];
      expect(detail).toMatchObject({
        [`${kindOf(stored.stream)}Id`]: stored.stream.slice(stored.stream.indexOf('#') + 1),
        type: stored.type,
      });
      expect(bareTimes([detail, shown])).toEqual([]);
      expect(JSON.stringify([detail, shown])).not.toMatch(/sealed|contentHash|content-1/);
      expect(isPublished(stored)).toBe(stored.type !== 'Erased');
    }
  });

  it('is what the API says that it shows, after each event', () => {
    for (const { stored, state } of moments) {
      if (!isListed(state)) continue;
      if (kindOf(stored.stream) === 'schedule') {
        const shown = renderSchedule(state as LiveSchedule, { recurrences, statusOf: () => 'succeeded', body: undefined });
        expect(scheduleAnswer.parse(JSON.parse(JSON.stringify(shown)))).toEqual(JSON.parse(JSON.stringify(shown)));
      } else {
        const shown = JSON.parse(JSON.stringify(renderOrchestration(state as LiveOrchestration)));
        expect(orchestrationAnswer.parse(shown)).toEqual(shown);
      }
    }
  });
});
