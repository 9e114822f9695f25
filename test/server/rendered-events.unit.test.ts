import { expect, test } from 'vitest';
import type { StoredEvent } from '../../src/application/ports.ts';
import { RenderedEvents } from '../../src/server/rendered-events.ts';
import { createNumberedLog } from '../support/numbered-log.ts';

/** Events that count how often they are looked into. */
function countedEvents(count: number): { readonly events: readonly StoredEvent[]; looks(): number } {
  const log = createNumberedLog();
  log.append(count);
  let looks = 0;
  const events = log.readAll(0, count).map((event) =>
    Object.defineProperty({ ...event }, 'occurredAt', {
      get: () => {
        looks += 1;
        return event.occurredAt;
      },
    }),
  );
  return { events, looks: () => looks };
}

test('a recent event is rendered once for all clients', () => {
  const rendered = new RenderedEvents();
  const { events, looks } = countedEvents(10);
  const texts = events.map((event) => rendered.textOf(event));
  expect(texts[4]).toMatch(/^id: 5\nevent: TaskScheduled\ndata: \{"id":"task#one@1",.*\}\n\n$/);
  for (let client = 0; client < 5; client += 1) expect(events.map((event) => rendered.textOf(event))).toEqual(texts);
  expect(looks()).toBe(10);
});

test('no more is kept than fits, the newest, and reading far back pushes nothing out', () => {
  const { events, looks } = countedEvents(100);
  const length = new RenderedEvents().textOf(events[99] as StoredEvent).length;
  const rendered = new RenderedEvents(20 * length);
  const before = looks();
  for (const event of events) rendered.textOf(event);
  expect(rendered.characters).toBeLessThanOrEqual(20 * length);
  for (const event of events.slice(-20)) rendered.textOf(event);
  expect(looks() - before).toBe(100);
  for (const event of events.slice(0, 50)) rendered.textOf(event);
  expect(looks() - before).toBe(150);
  for (const event of events.slice(-20)) rendered.textOf(event);
  expect(looks() - before).toBe(150);
});

test('an event larger than everything that may be kept is rendered all the same', () => {
  const rendered = new RenderedEvents(10);
  const { events } = countedEvents(1);
  expect(rendered.textOf(events[0] as StoredEvent)).toContain('task#one');
  expect(rendered.characters).toBe(0);
});
