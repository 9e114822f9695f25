import { describe, expect, it } from 'vitest';
import { limits } from '../../src/domain/limits.ts';
import { factsOf, wakeAt } from '../../src/domain/task/state.ts';
import { callbackSpec, day, epoch, hour, minute, second, serverError } from './task-histories.ts';
import {
  after,
  cancel,
  continueAt,
  delivered,
  due,
  fail,
  failForGood,
  further,
  given,
  gone,
  notDelivered,
  redeliver,
  scheduled,
  start,
  succeed,
  told,
  when,
  withCallback,
} from './task-moves.ts';

describe('the callback', () => {
  const succeeded = () => given(scheduled(withCallback), start, succeed);

  it('is looked after a minute later at first, for the bus tries at once', () => {
    expect(wakeAt(succeeded().state)).toBe(epoch + minute);
    expect(when(succeeded(), delivered)).toEqual({
      type: 'CallbackSucceeded',
      data: { outcomeVersion: 3, attempt: 1, result: { status: 204 } },
    });
  });

  it('is not opened by an outcome that was not asked for', () => {
    const onlyFailures = { callback: { ...callbackSpec, on: ['failed'] } } as const;
    expect(wakeAt(given(scheduled(onlyFailures), start, succeed).state)).toBeNull();
    expect(wakeAt(given(scheduled(onlyFailures), cancel).state)).toBeNull();
    expect(wakeAt(given(scheduled(onlyFailures), start, failForGood).state)).toBe(epoch + minute);
  });

  it('is not opened by a failure that is retried or by a continuation', () => {
    expect(factsOf(given(scheduled(withCallback), start, fail()).state).callback).toBe(false);
    expect(factsOf(given(scheduled(withCallback), start, continueAt(0)).state).callback).toBe(false);
  });

  it('is tried again after 1 s, 4 s, 15 s, 1 m, 4 m, 15 m and 1 h, eight times in all', () => {
    let history = succeeded();
    const pausesMs: (number | null)[] = [];
    while (wakeAt(history.state) !== null && pausesMs.length < 20) {
      history = further(history, notDelivered);
      const next = wakeAt(history.state);
      pausesMs.push(next === null ? null : next - history.now);
      history = due(history);
    }
    expect(pausesMs).toEqual([1_000, 4_000, 15_000, 60_000, 240_000, 900_000, 3_600_000, null]);
    expect(history.state).toMatchObject({ status: 'succeeded', callback: { status: 'failed', attempt: 8, error: serverError } });
  });

  it.each([
    ['longer', 2 * hour, 2 * hour],
    ['of zero', 0, 0],
    ['beyond a day', 2 * day, day],
  ])('honours a Retry-After %s', (_title, retryAfterMs, expected) => {
    const busy = told({ delivered: false, error: serverError, retryable: true, retryAfterMs });
    expect(when(succeeded(), busy)).toMatchObject({ data: { retryAt: epoch + expected } });
  });

  it('spreads its tries by a fifth', () => {
    const early = told({ delivered: false, error: serverError, retryable: true, retryAfterMs: null }, { random: 0 });
    expect(when(succeeded(), early)).toMatchObject({ data: { retryAt: epoch + 800 } });
  });

  it('ends with a 410', () => {
    expect(when(succeeded(), gone)).toMatchObject({ type: 'CallbackFailed', data: { retryAt: null } });
    expect(wakeAt(further(succeeded(), gone).state)).toBeNull();
  });

  it('takes one word for each try: a twin that was slower, or a try out of turn, is superseded', () => {
    const once = further(succeeded(), notDelivered);
    expect(when(once, told({ delivered: true, status: 200 }, { attempt: 1 }))).toEqual({ reason: 'superseded' });
    expect(when(succeeded(), told({ delivered: true, status: 200 }, { attempt: 2 }))).toEqual({ reason: 'superseded' });
    expect(when(succeeded(), told({ delivered: true, status: 200 }, { outcomeVersion: 2 }))).toEqual({ reason: 'superseded' });
    expect(when(further(succeeded(), delivered), delivered)).toEqual({ reason: 'superseded' });
  });

  it('never changes the status', () => {
    expect(further(succeeded(), gone).state.status).toBe('succeeded');
  });
});

describe('redelivering', () => {
  const succeeded = () => given(scheduled(withCallback), start, succeed);
  const reopened = { type: 'CallbackReopened', data: { outcomeVersion: 3 } };

  it('sends a delivered or failed callback again, at once and with a fresh set of tries', () => {
    for (const ending of [delivered, gone]) {
      const ended = after(further(succeeded(), ending), hour);
      expect(when(ended, redeliver)).toEqual(reopened);
      const again = further(ended, redeliver);
      expect(again.state).toMatchObject({ redeliveries: 1, callback: { status: 'pending', attempt: 0 } });
      expect(wakeAt(again.state)).toBe(ended.now);
      expect(when(again, notDelivered)).toMatchObject({ data: { outcomeVersion: 3, attempt: 1, retryAt: ended.now + second } });
    }
  });

  it('hurries a callback between its tries, and one that was not tried yet is on its way already', () => {
    expect(when(further(succeeded(), notDelivered), redeliver)).toEqual(reopened);
    expect(when(succeeded(), redeliver)).toBe('unchanged');
  });

  it('is refused where no callback was asked for, or not for this outcome', () => {
    expect(when(given(scheduled(), start, succeed), redeliver)).toEqual({ reason: 'no-callback' });
    const onlyFailures = { callback: { ...callbackSpec, on: ['failed'] } } as const;
    expect(when(given(scheduled(onlyFailures), start, succeed), redeliver)).toEqual({ reason: 'no-callback' });
  });

  it('is possible a thousand times', () => {
    let history = succeeded();
    for (let time = 0; time < limits.redeliveriesPerTask; time += 1) history = further(history, delivered, redeliver);
    expect(when(further(history, delivered), redeliver)).toEqual({ reason: 'limit', limit: 'redeliveries', value: 1_000 });
  });
});
