import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { eventDetails } from '../../src/application/event-details.ts';
import type { StoredEvent } from '../../src/application/ports.ts';
import { renderDetail } from '../../src/application/render-event.ts';
import { kindOf, type StreamEvent } from '../../src/domain/streams.ts';
import { anyHistory as anyOrchestration } from '../domain/orchestration/arbitraries.ts';
import { anyPast } from '../domain/schedule-arbitraries.ts';
import { eventTypes, faultsOf } from '../support/event-validators.ts';
import { anyHistories, storedEvents } from '../support/stored-events.ts';
import { recordedStreams, storedAlong } from '../support/stored-streams.ts';

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
type Detail = { readonly [key: string]: Json };

/** A detail as it arrives. */
const arrived = (event: StoredEvent): Detail => JSON.parse(JSON.stringify(renderDetail(event)));
const template = new TextEncoder().encode('{"order":"number"}');
const storedOf = (events: readonly StreamEvent[], bytes?: Uint8Array): readonly StoredEvent[] =>
  storedAlong(events, bytes).map(({ stored }) => stored);

/** What is published is what its schema names, and nothing besides. */
function expectDescribed(events: readonly StoredEvent[]): void {
  for (const event of events) {
    const detail = arrived(event);
    expect(faultsOf(event.type, detail)).toEqual([]);
    const described = eventDetails.find(({ kind, type }) => kind === kindOf(event.stream) && type === event.type);
    expect(described?.schema.parse(detail)).toEqual(detail);
  }
}

describe('every event that is published holds to its schema', () => {
  test('of tasks', () => {
    const whole = fc.property(anyHistories({ tasks: 2, steps: 30 }), (histories) => {
      for (const history of histories) expectDescribed(storedEvents(history));
    });
    fc.assert(whole, { numRuns: 100 });
  });

  test('of schedules', () => {
    const whole = fc.property(anyPast, fc.constantFrom(template, new Uint8Array(5_000), undefined), (past, bytes) => {
      expectDescribed(storedOf(past.at(-1)?.events ?? [], bytes));
    });
    fc.assert(whole, { numRuns: 100 });
  });

  test('of orchestrations', () => {
    fc.assert(
      fc.property(anyOrchestration, ({ events }) => expectDescribed(storedOf(events))),
      { numRuns: 100 },
    );
  });

  test.each(recordedStreams)('of the recorded $name', ({ events }) => {
    expectDescribed(storedOf(events));
  });
});

/** An event of each type that was really published, all forms of it. */
const examples = recordedStreams.flatMap(({ events }) => storedOf(events, template).map((event) => ({ type: event.type, event })));

describe('the schemas for subscribers', () => {
  test('are tried with every type of event of every kind of stream', () => {
    const seen = new Set(examples.map(({ event }) => `${kindOf(event.stream)} ${event.type}`));
    expect([...seen].sort()).toEqual(eventDetails.map(({ kind, type }) => `${kind} ${type}`).sort());
  });

  test.each(eventTypes)('take a field more anywhere in %s, and do not take what is damaged', (type) => {
    for (const { event } of examples.filter((example) => example.type === type)) {
      const detail = arrived(event);
      expect(faultsOf(type, { ...detail, later: 1, data: { ...(detail['data'] as Detail), later: { more: true } } })).toEqual([]);
      for (const [what, damaged] of damages(detail)) {
        expect(faultsOf(type, damaged), `${what} of ${event.stream}@${event.version}`).not.toEqual([]);
      }
    }
  });
});

/** A detail damaged in one place each time: what every event has is left out or is something else, and so are the parts of its data. */
function damages(detail: Detail): readonly (readonly [string, unknown])[] {
  const without = (object: Detail, key: string): Detail => Object.fromEntries(Object.entries(object).filter(([name]) => name !== key));
  const kindId = Object.keys(detail).find((key) => /^(?:task|schedule|orchestration)Id$/.test(key)) ?? '';
  const envelope = ['id', kindId, 'version', 'type', 'occurredAt', 'status', 'labels', 'origin', 'run', 'data'];
  const data = detail['data'] as Detail;
  return [
    ...envelope.map((key) => [`no ${key}`, without(detail, key)] as const),
    ...envelope.map((key) => [`another ${key}`, { ...detail, [key]: [] }] as const),
    ['version 0', { ...detail, version: 0 }],
    ['a half version', { ...detail, version: 1.5 }],
    ['an unknown status', { ...detail, status: 'sleeping' }],
    ['the type of another event', { ...detail, type: detail['type'] === 'TaskStarted' ? 'TaskFailed' : 'TaskStarted' }],
    ['epoch milliseconds', { ...detail, occurredAt: 1_767_225_600_000 }],
    ['a day that does not exist', { ...detail, occurredAt: '2026-02-30T00:00:00.000Z' }],
    ['a label that is no text', { ...detail, labels: { customer: 42 } }],
    ...Object.keys(data)
      // A body may be anything.
      .filter((key) => key !== 'body')
      .map((key) => [`another ${key} in the data`, { ...detail, data: { ...data, [key]: { not: [key] } } }] as const),
  ];
}
