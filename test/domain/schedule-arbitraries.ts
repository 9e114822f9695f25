import fc from 'fast-check';
import type { ScheduleCommand } from '../../src/domain/schedule/commands.ts';
import type { ScheduleChanges, ScheduleDefinition } from '../../src/domain/schedule/events.ts';
import { wakeAt } from '../../src/domain/schedule/state.ts';
import { ask, createAt, type History, noHistory, perform, scheduleWith, withPreviousOver } from './schedule-histories.ts';
import { day, epoch, hour, minute, second } from './task-histories.ts';

const rules: readonly ScheduleDefinition['rule'][] = [
  { kind: 'every', intervalMs: second },
  { kind: 'every', intervalMs: 10 * second },
  { kind: 'every', intervalMs: 7 * hour },
  { kind: 'cron', expression: '*/5 * * * * *' },
  { kind: 'cron', expression: '30 2 * * *' },
  { kind: 'daily' },
  { kind: 'monthly' },
];

export const anyScheduleDefinition: fc.Arbitrary<ScheduleDefinition> = fc
  .record({
    rule: fc.constantFrom(...rules),
    timezone: fc.constantFrom('UTC', 'America/New_York', 'Australia/Lord_Howe'),
    startAt: fc.constantFrom(null, null, epoch - day, epoch + minute),
    endAt: fc.constantFrom(null, null, null, null, null, epoch + 90 * second, epoch + 40 * day),
    maxOccurrences: fc.constantFrom(null, null, null, null, 1, 2, 5),
    jitterMs: fc.constantFrom(0, 0, 800, minute),
    overlap: fc.constantFrom('skip', 'allow', 'buffer-one'),
    misfire: fc.constantFrom('run-once', 'skip', 'run-all'),
    catchUpWithinMs: fc.constantFrom(0, 20 * second, day),
  })
  .map((parts) => scheduleWith({ ...parts, ...(parts.misfire === 'run-all' ? { overlap: 'allow' } : {}) }));

const anyChanges: fc.Arbitrary<ScheduleChanges> = fc.oneof(
  fc.constantFrom(...rules).map((rule) => ({ rule })),
  fc.constantFrom<ScheduleChanges>(
    { maxOccurrences: 3 },
    { maxOccurrences: null },
    { overlap: 'allow' },
    { overlap: 'buffer-one' },
    { misfire: 'skip' },
    { jitterMs: 5 * second },
    { endAt: epoch + minute },
    { endAt: null },
    { startAt: epoch + 5 * minute },
    { labels: {} },
    { timezone: 'Europe/Athens' },
  ),
);

/** One step of a random history. Plain values, so that fast-check can shrink a history step by step. */
export type Step =
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'wait-until-due' }
  /** The usual turn of things: the wake comes when something is due. */
  | { readonly kind: 'turn' }
  | { readonly kind: 'previous-over' }
  | { readonly kind: 'ask'; readonly what: 'look' | 'confirm' | 'trigger' | 'pause' | 'resume' | 'give-up' | 'delete' }
  /** A look or a confirmation that was prepared some steps ago and comes only now: late, repeated, or both. */
  | { readonly kind: 'late'; readonly what: 'look' | 'confirm'; readonly age: number }
  | { readonly kind: 'change'; readonly changes: ScheduleChanges };

const asking = (what: Extract<Step, { readonly kind: 'ask' }>['what'], weight: number) => ({
  weight,
  arbitrary: fc.constant<Step>({ kind: 'ask', what }),
});
export const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .oneof(
        fc.integer({ min: 0, max: 3 * second }),
        fc.integer({ min: 0, max: 2 * minute }),
        fc.integer({ min: 0, max: hour }),
        fc.integer({ min: 0, max: 3 * day }),
      )
      .map((ms): Step => ({ kind: 'wait', ms })),
  },
  { weight: 4, arbitrary: fc.constant<Step>({ kind: 'wait-until-due' }) },
  { weight: 30, arbitrary: fc.constant<Step>({ kind: 'turn' }) },
  { weight: 12, arbitrary: fc.constant<Step>({ kind: 'previous-over' }) },
  asking('look', 14),
  asking('confirm', 6),
  asking('trigger', 2),
  asking('pause', 1),
  asking('resume', 3),
  asking('give-up', 1),
  {
    weight: 8,
    arbitrary: fc
      .tuple(fc.constantFrom('look' as const, 'look' as const, 'confirm' as const), fc.integer({ min: 1, max: 6 }))
      .map(([what, age]): Step => ({ kind: 'late', what, age })),
  },
  { weight: 2, arbitrary: anyChanges.map((changes): Step => ({ kind: 'change', changes })) },
);
/** Ends nearly every history that it meets, so it comes rarely. */
const withDeletion = fc.oneof({ weight: 200, arbitrary: anyStep }, asking('delete', 1));

/** What a step asks of a history; null if it is only about the world around it. `past` are the histories before, the newest last. */
export function commandFor(step: Step, history: History, past: readonly History[]): ScheduleCommand | null {
  switch (step.kind) {
    case 'ask': {
      const { 'give-up': giveUp, delete: remove, ...others } = { ...ask, 'give-up': ask.giveUp, delete: ask.remove };
      if (step.what === 'give-up') return giveUp(history);
      return step.what === 'delete' ? remove(history) : others[step.what](history);
    }
    case 'late':
      return ask[step.what](past.at(-step.age) ?? history);
    case 'change':
      return ask.change(history, step.changes);
    case 'turn':
      return ask.look(history);
    default:
      return null;
  }
}

function worldAfter(step: Step, history: History): History {
  if (step.kind === 'wait') return { ...history, now: history.now + step.ms };
  if (step.kind === 'wait-until-due' || step.kind === 'turn') return { ...history, now: Math.max(history.now, wakeAt(history.state) ?? 0) };
  return step.kind === 'previous-over' ? withPreviousOver(history) : history;
}

/** All that lies between a creation and what came of the steps: the histories after each of them, the first one after the creation. */
export function histories(definition: ScheduleDefinition, steps: readonly Step[]): readonly History[] {
  const first = perform(noHistory, createAt(definition, epoch)).history;
  const past: History[] = [first];
  for (const step of steps) {
    const history = worldAfter(step, past.at(-1) ?? first);
    const command = commandFor(step, history, past);
    past.push(command === null ? history : perform(history, command).history);
  }
  // A failing property says what was done rather than all that came of it.
  return Object.assign(past, { [fc.toStringMethod]: () => JSON.stringify({ definition: { ...definition, template: '...' }, steps }) });
}

export const anyPast: fc.Arbitrary<readonly History[]> = fc
  .tuple(anyScheduleDefinition, fc.array(withDeletion, { minLength: 5, maxLength: 60, size: 'max' }))
  .map(([definition, steps]) => histories(definition, steps))
  .filter(([first]) => first !== undefined && first.events.length > 0);
/** Without pauses, changes and clashes of ids: a schedule that is left to itself, under a host as bad as it likes. */
export const undisturbedPast: fc.Arbitrary<readonly History[]> = fc
  .tuple(
    anyScheduleDefinition,
    fc.array(
      anyStep.filter((step) => step.kind !== 'change' && !(step.kind === 'ask' && ['pause', 'give-up'].includes(step.what))),
      { minLength: 5, maxLength: 60, size: 'max' },
    ),
  )
  .map(([definition, steps]) => histories(definition, steps))
  .filter(([first]) => first !== undefined && first.events.length > 0);
