import type { Dice } from '../kernel/dice.ts';
import { addressOf, asynchronous, type BehaviourName, behaviours } from './behaviours.ts';

const targets = 3;

function durationOf(dice: Dice, least: number, most: number): string {
  return `${dice.magnitude(least, most)}ms`;
}

function retryOf(dice: Dice): object {
  switch (dice.weighted({ once: 2, fixed: 4, exponential: 3, listed: 2, far: 1 })) {
    case 'once':
      return { maxAttempts: 1 };
    case 'fixed':
      return { maxAttempts: 3, backoff: 'fixed', initialDelay: '2s', jitter: 0 };
    case 'exponential':
      return { maxAttempts: 4, initialDelay: '1s', factor: 3 };
    case 'listed':
      return { delays: ['500ms', '5s', '30s'] };
    case 'far':
      // Beyond what a message can be delayed.
      return { delays: ['17m', '1s'] };
  }
}

function behaviourOf(dice: Dice): BehaviourName {
  return dice.chance(0.5) ? 'works' : dice.pick(behaviours);
}

function callbackOf(dice: Dice): object {
  return { url: addressOf('works', dice.whole(1, targets)), ...(dice.chance(0.3) ? { on: ['failed', 'cancelled'] } : {}) };
}

/** What a task does, without when. */
export function workOf(dice: Dice, allowAsync: boolean): Record<string, unknown> {
  if (dice.chance(0.1)) return { event: { detailType: 'Reminder', detail: { of: 'something' } } };
  const name = behaviourOf(dice);
  const isAsync = asynchronous.has(name);
  if (isAsync && !allowAsync) return { request: { url: addressOf('works', dice.whole(1, targets)) } };
  return {
    request: { url: addressOf(name, dice.whole(1, targets)), ...(dice.chance(0.5) ? { body: { a: dice.whole(0, 9) } } : {}) },
    ...(name === 'takes-long' ? { timeout: '3m' } : {}),
    ...(name !== 'takes-long' && dice.chance(0.4) ? { timeout: dice.pick(['100ms', '2s', '29s', '45s', '14m']) } : {}),
    ...(isAsync ? { strategy: 'async', completeWithin: durationOf(dice, 1_000, 600_000) } : {}),
  };
}

/** A request to make a task. */
export function taskOf(dice: Dice): Record<string, unknown> {
  const when = dice.weighted({ now: 4, soon: 4, far: 2 });
  return {
    ...workOf(dice, true),
    retry: retryOf(dice),
    ...(when === 'now' ? {} : { delay: when === 'soon' ? durationOf(dice, 100, 600_000) : durationOf(dice, 14 * 60_000, 45 * 60_000) }),
    ...(dice.chance(0.1) ? { startBefore: durationOf(dice, 1_000, 600_000) } : {}),
    ...(dice.chance(0.35) ? { callback: callbackOf(dice) } : {}),
    ...(dice.chance(0.2) ? { labels: { kind: dice.pick(['a', 'b']) } } : {}),
  };
}

/** What of a task is changed while it waits. */
export function taskChangeOf(dice: Dice): Record<string, unknown> {
  switch (dice.weighted({ time: 4, retry: 1, callback: 2, labels: 1 })) {
    case 'time':
      return { delay: durationOf(dice, 1, 300_000) };
    case 'retry':
      return { retry: retryOf(dice) };
    case 'callback':
      return { callback: dice.chance(0.3) ? null : callbackOf(dice) };
    case 'labels':
      return { labels: { changed: 'yes' } };
  }
}

function rhythmOf(dice: Dice): object {
  switch (dice.weighted({ every: 5, cron: 3, daily: 1 })) {
    case 'every':
      return { every: durationOf(dice, 1_000, 400_000) };
    case 'cron':
      return {
        cron: dice.pick(['*/7 * * * * *', '30 * * * * *', '*/3 * * * *', '*/20 * * * *']),
        timezone: dice.pick(['UTC', 'Europe/Athens']),
      };
    case 'daily':
      return { recurrence: 'daily' };
  }
}

/** A request to make a schedule that ends by itself. */
export function scheduleOf(dice: Dice): Record<string, unknown> {
  const overlap = dice.pick(['skip', 'allow', 'buffer-one'] as const);
  return {
    ...rhythmOf(dice),
    maxOccurrences: dice.whole(1, 6),
    overlap,
    misfire: dice.pick(overlap === 'allow' ? ['run-once', 'skip', 'run-all'] : ['run-once', 'skip']),
    ...(dice.chance(0.3) ? { jitter: durationOf(dice, 1_000, 60_000) } : {}),
    ...(dice.chance(0.3) ? { catchUpWithin: durationOf(dice, 10_000, 3_600_000) } : {}),
    task: { ...workOf(dice, true), retry: retryOf(dice) },
  };
}

export function scheduleChangeOf(dice: Dice): Record<string, unknown> {
  switch (dice.weighted({ rhythm: 3, limit: 1, overlap: 1 })) {
    case 'rhythm':
      return { every: durationOf(dice, 1_000, 200_000) };
    case 'limit':
      return { maxOccurrences: dice.whole(1, 8) };
    case 'overlap':
      return { labels: { changed: 'yes' } };
  }
}

function checkOf(dice: Dice): object {
  return {
    request: { url: addressOf(dice.chance(0.7) ? 'works' : 'fails', dice.whole(1, targets)) },
    retries: dice.whole(0, 2),
    gap: durationOf(dice, 1_000, 60_000),
    ...(dice.chance(0.5) ? { delay: durationOf(dice, 100, 60_000) } : {}),
  };
}

/** A request to make an orchestration. */
export function orchestrationOf(dice: Dice): Record<string, unknown> {
  const steps = Array.from({ length: dice.whole(1, 3) }, () => ({
    ...(dice.chance(0.4) ? { delay: durationOf(dice, 100, 120_000) } : {}),
    task: { ...workOf(dice, true), ...(dice.chance(0.5) ? { retry: retryOf(dice) } : {}) },
    ...(dice.chance(0.4) ? { check: checkOf(dice) } : {}),
  }));
  return {
    steps,
    ...(dice.chance(0.4) ? { fallback: workOf(dice, false) } : {}),
    ...(dice.chance(0.4) ? { callback: { url: addressOf('works', dice.whole(1, targets)) } } : {}),
    ...(dice.chance(0.5) ? { delay: durationOf(dice, 100, 300_000) } : {}),
  };
}
