import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { PositionedLog } from '../../src/adapters/sqlite/event-log.ts';
import type { StoredEvent } from '../../src/application/ports.ts';
import { Feed, type FeedOptions } from '../../src/server/feed.ts';
import { rememberingLogger } from '../support/silent-logger.ts';
import { created, storedEvents } from '../support/stored-events.ts';

const [template] = storedEvents(created('task#one'));

/** A log of events that differ in their positions only, without those that do not read. */
function createLog(unreadable: readonly number[] = []): PositionedLog & { append(count: number): void } {
  const events: StoredEvent[] = [];
  const listeners = new Set<() => void>();
  return {
    append(count) {
      for (let index = 0; index < count; index += 1) {
        if (template !== undefined) events.push({ ...template, position: events.length + 1 });
      }
      for (const listener of listeners) listener();
    },
    readAll: (after, limit) => events.filter(({ position = 0 }) => position > after && !unreadable.includes(position)).slice(0, limit),
    head: () => events.length,
    onCommit(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    backlog: () => 0,
  };
}

function createFeed(options: Partial<FeedOptions> = {}, unreadable: readonly number[] = []) {
  const log = createLog(unreadable);
  const logger = rememberingLogger();
  const seen: number[] = [];
  const batches: number[] = [];
  const state = { failures: 0, busy: 0, overlapped: false };
  const feed = new Feed({
    name: 'test',
    log,
    logger,
    from: 0,
    batch: 10,
    gatherMs: 0,
    async handle(records, position) {
      state.busy += 1;
      state.overlapped ||= state.busy > 1;
      await new Promise((resolve) => setTimeout(resolve, 1));
      state.busy -= 1;
      if (state.failures > 0) {
        state.failures -= 1;
        throw new Error('the handler is away');
      }
      expect(records.at(-1)?.position).toBe(position);
      seen.push(...records.map((record) => record.position ?? 0));
      batches.push(records.length);
    },
    ...options,
  });
  return { feed, log, logger, seen, batches, state };
}

const upTo = (count: number): readonly number[] => Array.from({ length: count }, (_, index) => index + 1);

describe('a feed', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });
  const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

  test('hands over what is there at its start and what comes later, in batches and in order', async () => {
    const { feed, log, seen, batches } = createFeed();
    log.append(25);

    feed.start();
    await pass(100);
    log.append(3);
    await pass(100);

    expect(seen).toEqual(upTo(28));
    expect(batches).toEqual([10, 10, 5, 3]);
    expect(feed.position).toBe(28);
  });

  test('begins after the position it is given', async () => {
    const { feed, log, seen } = createFeed({ from: 7 });
    log.append(10);

    feed.start();
    await pass(100);

    expect(seen).toEqual([8, 9, 10]);
  });

  test('goes on past events that do not read, also when the log ends with them', async () => {
    const { feed, log, seen } = createFeed({}, [1, 4, 11, 12]);
    log.append(12);
    feed.start();

    const caughtUp = feed.catchUp();
    await pass(100);
    await caughtUp;

    expect(seen).toEqual([2, 3, 5, 6, 7, 8, 9, 10]);
    expect(feed.position).toBe(12);
    await feed.stop();
    expect(vi.getTimerCount()).toBe(0);
  });

  test('never handles anything within the commit that rang', () => {
    const { feed, log, seen, state } = createFeed();
    feed.start();

    log.append(1);

    expect([seen, state.busy]).toEqual([[], 0]);
  });

  test('gathers for as long as it may, and no longer', async () => {
    const { feed, log, batches } = createFeed({ gatherMs: 50, batch: 100 });
    feed.start();
    await pass(60);
    for (let commit = 0; commit < 5; commit += 1) {
      log.append(2);
      await pass(9);
    }
    await pass(100);

    expect(batches).toEqual([10]);
  });

  test('tries again after a failure, the same records first, and says so', async () => {
    const { feed, log, logger, seen, state } = createFeed();
    state.failures = 2;
    log.append(25);
    feed.start();

    await pass(100);
    expect(seen).toEqual([]);
    await pass(2_200);

    expect(seen).toEqual(upTo(25));
    expect(logger.lines).toHaveLength(2);
  });

  test('does not hurry a failing handler, however often it is rung and asked to catch up', async () => {
    const { feed, log, logger, state } = createFeed();
    state.failures = 1_000;
    feed.start();
    for (let ring = 0; ring < 100; ring += 1) {
      log.append(1);
      void feed.catchUp();
      await pass(50);
    }

    expect(logger.lines.length).toBeLessThanOrEqual(6);
    state.failures = 0;
    await pass(2_000);
    expect(feed.position).toBe(100);
  });

  test('catches up with everything that was there when asked, also before its start and while it gathers', async () => {
    const { feed, log, seen } = createFeed({ gatherMs: 10_000 });
    log.append(12);
    const early = feed.catchUp();
    await pass(100);
    await early;
    expect(seen).toEqual(upTo(12));
    feed.start();
    log.append(5);

    const caughtUp = feed.catchUp();
    await pass(100);
    await caughtUp;

    expect(seen).toEqual(upTo(17));
    await feed.catchUp();
  });

  test('catching up waits through failures', async () => {
    const { feed, log, state } = createFeed();
    state.failures = 3;
    log.append(1);
    let done = false;
    void feed.catchUp().then(() => {
      done = true;
    });
    await pass(2_000);
    expect(done).toBe(false);
    await pass(2_000);

    expect([done, feed.position]).toEqual([true, 1]);
  });

  test('handles at its stop all that is there, and nothing after it', async () => {
    const { feed, log, seen } = createFeed({ gatherMs: 10_000 });
    feed.start();
    log.append(30);

    const stopped = feed.stop();
    await pass(100);
    await stopped;
    log.append(5);
    await pass(60_000);

    expect(seen).toEqual(upTo(30));
    expect(vi.getTimerCount()).toBe(0);
  });

  test.each([1, 500, 3_000])(
    'stops also when its handler fails, after %i ms of that: what was not handled is there the next time',
    async (ms) => {
      const { feed, log, state } = createFeed();
      state.failures = 1_000_000;
      log.append(3);
      feed.start();
      let caughtUp = false;
      void feed.catchUp().then(() => {
        caughtUp = true;
      });
      await pass(ms);

      let stopped = false;
      void feed.stop().then(() => {
        stopped = true;
      });
      await pass(100);

      expect([stopped, caughtUp, feed.position]).toEqual([true, true, 0]);
      await pass(60_000);
      expect(vi.getTimerCount()).toBe(0);
    },
  );

  test('stops when it was never started', async () => {
    const { feed } = createFeed();
    await feed.stop();
    expect(feed.position).toBe(0);
  });

  test('loses and reorders nothing, and never handles two batches at once, whatever happens when', async () => {
    const anyAct = fc.oneof(
      { weight: 4, arbitrary: fc.record({ kind: fc.constant('append' as const), amount: fc.integer({ min: 1, max: 25 }) }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('fail' as const), amount: fc.integer({ min: 1, max: 2 }) }) },
      { weight: 4, arbitrary: fc.record({ kind: fc.constant('pass' as const), amount: fc.constantFrom(0, 1, 2, 10, 999, 1_000, 1_001) }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('catch-up' as const), amount: fc.constant(0) }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(anyAct, { maxLength: 40, size: 'max' }), fc.constantFrom(0, 5), async (acts, gatherMs) => {
        const { feed, log, seen, state } = createFeed({ gatherMs });
        feed.start();
        const waiting: Promise<void>[] = [];
        for (const { kind, amount } of acts) {
          if (kind === 'append') log.append(amount);
          else if (kind === 'fail') state.failures += amount;
          else if (kind === 'pass') await pass(amount);
          else {
            const head = log.head();
            waiting.push(feed.catchUp().then(() => expect(seen.length).toBeGreaterThanOrEqual(head)));
          }
        }
        state.failures = 0;
        await pass(5_000);
        await Promise.all(waiting);

        expect(seen).toEqual(upTo(log.head()));
        expect(state.overlapped).toBe(false);
        await feed.stop();
        expect(vi.getTimerCount()).toBe(0);
      }),
      { numRuns: 40 },
    );
  });
});
