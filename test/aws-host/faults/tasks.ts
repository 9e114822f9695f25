import { setTimeout as pause } from 'node:timers/promises';
import { until } from '../../e2e/harness/until.ts';
import { isOver } from './history.ts';
import { lookEveryMs, type World } from './world.ts';

/** A create as a client sends it; the id is always given, as whoever repeats a create needs one. */
export type Create = { readonly id: string; readonly path?: string; readonly more?: Readonly<Record<string, unknown>> };

export type Created = {
  /** Answered with 201, or with 200 at a repeat. */
  readonly acknowledged: ReadonlySet<string>;
  /** Answered with nothing but 503: they may exist or not. */
  readonly open: ReadonlySet<string>;
  readonly answers503: number;
  /** Answers that are none of these, in words. */
  readonly strange: readonly string[];
};

const clients = 16;
const endWithinMs = 30_000;

/** Quick retries: what is measured is the healing, not the patience of the policy. */
const retry = { backoff: 'fixed', initialDelay: '100ms', maxAttempts: 5, jitter: 0 };

/**
 * Creates tasks over HTTP, several clients side by side. Each repeats what was answered with 503, as the answer tells it to, up to
 * `repeats` times.
 */
export async function createTasks(world: World, creates: readonly Create[], repeats = 20): Promise<Created> {
  const acknowledged = new Set<string>();
  const open = new Set<string>();
  const strange: string[] = [];
  let answers503 = 0;
  const waiting = creates.values();

  async function create({ id, path = '/ok', more = {} }: Create): Promise<void> {
    for (let time = 0; time <= repeats; time += 1) {
      const answer = await world.post('/tasks', { id, request: { url: world.target.url + path }, retry, ...more });
      if (answer.status === 201 || (answer.status === 200 && time > 0)) {
        acknowledged.add(id);
        return;
      }
      if (answer.status !== 503) {
        strange.push(`${id}: ${answer.status} ${answer.text}`);
        return;
      }
      answers503 += 1;
      if (!(Number(answer.headers.get('retry-after')) >= 0)) strange.push(`${id}: 503 without Retry-After`);
      await pause(20);
    }
    open.add(id);
  }

  await Promise.all(
    Array.from({ length: clients }, async () => {
      for (const each of waiting) await create(each);
    }),
  );
  return { acknowledged, open, answers503, strange };
}

/** Numbered ids of one scenario. */
export function ids(name: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_unused, index) => `${name}/${index}`);
}

/** Creates of which every fifth fails at its first attempt. */
export function mixed(name: string, count: number, more: Readonly<Record<string, unknown>> = {}): readonly Create[] {
  return ids(name, count).map((id, index) => ({ id, path: index % 5 === 0 ? '/flaky' : '/ok', more }));
}

/** Resolves once nothing is left to happen to any of these tasks. `meanwhile` is done again and again until then. */
export async function over(world: World, given: Iterable<string>, meanwhile?: () => Promise<void>): Promise<void> {
  const all = [...given];
  let left: readonly string[] = all;
  const look = async (): Promise<true | undefined> => {
    await meanwhile?.();
    await pause(lookEveryMs);
    const log = await world.log();
    left = all.filter((id) => {
      const history = log.get(id);
      return history === undefined || !isOver(history);
    });
    return left.length === 0 ? true : undefined;
  };
  try {
    await until(`the end of ${all.length} tasks`, look, endWithinMs);
  } catch (error) {
    throw new Error(`${String(error)}; ${left.length} left: ${left.slice(0, 5).join(', ')}`);
  }
}

const minuteMs = 60_000;

/** Lets minutes pass, each with its sweep, until nothing is left to happen to any of these tasks; gives how many it took. */
export async function healed(
  world: World,
  given: Iterable<string>,
  atMostMinutes: number,
  eachMinute?: () => Promise<void>,
): Promise<number> {
  const all = [...given];
  for (let minutes = 0; ; minutes += 1) {
    await world.quiet();
    const log = await world.log();
    const left = all.filter((id) => {
      const history = log.get(id);
      return history === undefined || !isOver(history);
    });
    if (left.length === 0) return minutes;
    if (minutes === atMostMinutes)
      throw new Error(`${left.length} tasks were not healed in ${minutes} minutes: ${left.slice(0, 5).join(', ')}`);
    world.clock.pass(minuteMs);
    await eachMinute?.();
    await world.sweep();
  }
}
