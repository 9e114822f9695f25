import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { OrchestrationEventType } from '../../src/domain/orchestration/events.ts';
import type { ScheduleEventType } from '../../src/domain/schedule/events.ts';
import { factsOfStream, foldStream, type StreamEvent, type StreamState } from '../../src/domain/streams.ts';

/** A recorded history of a schedule or an orchestration, and what the code of its day made of it. Never made anew. */
type Fixture = {
  readonly name: string;
  readonly tells: string;
  readonly events: readonly [StreamEvent, ...StreamEvent[]];
  readonly state: StreamState;
  readonly wakeAt: number | null;
};

const folder = new URL('../fixtures/streams/', import.meta.url);
const fixtures: readonly Fixture[] = readdirSync(folder)
  .filter((name) => /^(?:schedule|orchestration)-.*\.json$/.test(name))
  .map((name) => ({ name, ...JSON.parse(readFileSync(new URL(name, folder), 'utf8')) }));

const scheduleTypes: Record<ScheduleEventType, true> = {
  ScheduleCreated: true,
  ScheduleChanged: true,
  SchedulePaused: true,
  ScheduleResumed: true,
  OccurrenceFired: true,
  OccurrenceBuffered: true,
  OccurrencesSkipped: true,
  OccurrenceTriggered: true,
  ChildConfirmed: true,
  ScheduleFinished: true,
  ScheduleDeleted: true,
  Erased: true,
};
const orchestrationTypes: Record<OrchestrationEventType, true> = {
  OrchestrationScheduled: true,
  OrchestrationChanged: true,
  StepStarted: true,
  StepFinished: true,
  CheckStarted: true,
  CheckFinished: true,
  FallbackStarted: true,
  FallbackFinished: true,
  OrchestrationFinished: true,
  OrchestrationCancelled: true,
  ChildConfirmed: true,
  Erased: true,
};

describe.each(fixtures)('the recorded history $name', ({ events, state, wakeAt }) => {
  const { stream } = events[0];

  it('folds to the state it had, and needs its next look when it did', () => {
    expect(foldStream(stream, null, events)).toStrictEqual(state);
    expect(factsOfStream(stream, state).wakeAt).toBe(wakeAt);
  });

  it('goes on from a state stored at any version', () => {
    for (let version = 1; version <= events.length; version += 1) {
      const stored: StreamState = JSON.parse(JSON.stringify(foldStream(stream, null, events.slice(0, version))));
      expect(foldStream(stream, stored, events.slice(version))).toStrictEqual(state);
    }
  });
});

describe('the recorded histories of schedules and orchestrations together', () => {
  it.each([
    ...Object.keys(scheduleTypes).map((type) => ['schedule', type]),
    ...Object.keys(orchestrationTypes).map((type) => ['orchestration', type]),
  ])('hold, of a %s, %s', (kind, type) => {
    const ofKind = fixtures.flatMap(({ events }) => events).filter(({ stream }) => stream.startsWith(`${kind}#`));
    expect(ofKind.some((event) => event.type === type)).toBe(true);
  });

  it('tell what happened in them', () => {
    for (const { tells } of fixtures) expect(tells).toMatch(/\.$/);
  });
});
