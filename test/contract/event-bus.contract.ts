import { beforeEach, describe, expect, test } from 'vitest';
import type { EventBus, StoredEvent } from '../../src/application/ports.ts';
import { start } from '../support/histories.ts';
import { created, storedEvents } from '../support/stored-events.ts';

/** A bus to be tried, and the details that a subscriber to everything has got so far. */
export type EventBusUnderTest = { readonly bus: EventBus; readonly delivered: () => Promise<readonly Record<string, unknown>[]> };

/** What every bus does: takes events in any order, any number of times, and tells subscribers in the outside form. */
export function eventBusContract(name: string, open: () => Promise<EventBusUnderTest>): void {
  describe(`the event bus ${name}`, () => {
    let underTest: EventBusUnderTest;
    beforeEach(async () => {
      underTest = await open();
    });

    test('takes nothing and gives nothing back', async () => {
      expect(await underTest.bus.publish([])).toEqual([]);
    });

    test('tells each event at least once, whatever their order', async () => {
      const events = Array.from({ length: 25 }, (_, index) => storedEvents(start(created(`task#bus-${index}`)))).flat();

      expect(await underTest.bus.publish(events.toReversed())).toEqual([]);

      const ids = (await underTest.delivered()).map((detail) => detail['id']);
      expect(new Set(ids)).toEqual(new Set(events.map(({ stream, version }) => `${stream}@${version}`)));
    });

    test('tells times as ISO texts and no secret', async () => {
      const [event] = storedEvents(created('task#bus'));
      await underTest.bus.publish([event as StoredEvent]);

      const [detail] = await underTest.delivered();

      expect(detail).toMatchObject({ taskId: 'bus', version: 1, type: 'TaskScheduled', occurredAt: '2026-01-01T00:00:00.000Z' });
      expect(JSON.stringify(detail)).not.toContain('key1.c2VhbGVk');
      expect(JSON.stringify(detail)).toContain('***');
    });
  });
}
