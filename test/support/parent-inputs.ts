import { createOrchestration } from '../../src/application/orchestration-commands.ts';
import type { ChildInput, OrchestrationInput } from '../../src/application/orchestration-input.ts';
import { orchestrationStream } from '../../src/application/orchestration-store.ts';
import { createSchedule } from '../../src/application/schedule-commands.ts';
import type { ScheduleInput } from '../../src/application/schedule-input.ts';
import { scheduleStream } from '../../src/application/schedule-store.ts';
import { handleWake } from '../../src/application/wake.ts';
import { childRetryPolicy } from '../../src/domain/orchestration/definition.ts';
import { hour, second } from '../domain/task-histories.ts';
import { taskInput, type World } from './application-world.ts';

const { id: _id, runAt: _runAt, delayMs: _delayMs, ...template } = taskInput('', 0);

/** A schedule as a client asks for it: every hour, in turn, with what is filled in by default. */
export function scheduleInput(parts: Partial<ScheduleInput> = {}): ScheduleInput {
  return {
    id: 's',
    rule: { kind: 'every', intervalMs: hour },
    timezone: 'UTC',
    startAt: null,
    endAt: null,
    maxOccurrences: null,
    jitterMs: 0,
    overlap: 'skip',
    misfire: 'run-once',
    catchUpWithinMs: 24 * hour,
    template,
    labels: {},
    ...parts,
  };
}

/** What a step, a check or a fallback calls, once. */
export const childInput: ChildInput = {
  action: template.action,
  strategy: 'await',
  timeoutMs: 10 * second,
  completeWithinMs: hour,
  retry: childRetryPolicy,
};

/** An orchestration of one step as a client asks for it, to begin at once. */
export function orchestrationInput(parts: Partial<OrchestrationInput> = {}): OrchestrationInput {
  return {
    id: 'o',
    runAt: 0,
    delayMs: 0,
    steps: [{ name: null, delayMs: 0, task: { ...childInput, bodyFrom: null } }],
    check: null,
    fallback: null,
    callback: null,
    labels: {},
    ...parts,
  };
}

/** Creates the schedule `s`; throws if it is refused. */
export async function makeSchedule({ ports }: Pick<World, 'ports'>, parts: Partial<ScheduleInput> = {}): Promise<void> {
  const { outcome } = await createSchedule(ports, scheduleInput(parts), { content: 'content', idempotencyId: null });
  if (outcome !== 'done') throw new Error(`the schedule is ${outcome}`);
}

/** Creates the orchestration `o`; throws if it is refused. */
export async function makeOrchestration({ ports }: Pick<World, 'ports'>, parts: Partial<OrchestrationInput> = {}): Promise<void> {
  const { outcome } = await createOrchestration(ports, orchestrationInput(parts), { content: 'content', idempotencyId: null });
  if (outcome !== 'done') throw new Error(`the orchestration is ${outcome}`);
}

/** Looks at a schedule or an orchestration, as a wake of its newest version does. */
export async function lookAt({ ports, log, clock }: World, kind: 'schedule' | 'orchestration', id: string): Promise<void> {
  const stream = kind === 'schedule' ? scheduleStream(id) : orchestrationStream(id);
  await handleWake(ports, { stream, version: log.events(stream).length, dueAt: clock.now(), target: null, lane: 'short' });
}
