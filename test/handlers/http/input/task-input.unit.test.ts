import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { TaskInput } from '../../../../src/application/task-input.ts';
import { defaultRetryPolicy } from '../../../../src/domain/retry-policy.ts';
import {
  batch,
  cancel,
  parseBatch,
  parseCancel,
  parseNothing,
  parseTask,
  parseTaskChanges,
  task,
  taskChanges,
} from '../../../../src/handlers/http/input/task-input.ts';
import { context, now, text, url } from './context.ts';

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
const request = { url };

function parsed(value: unknown): TaskInput {
  const result = parseTask(value, context());
  if (!result.ok) throw new Error(JSON.stringify(result.errors));
  return result.value;
}

describe('a task with nothing but a URL', () => {
  it('gets every default of the contract', () => {
    expect(parsed({ request })).toEqual({
      id: null,
      action: { kind: 'http', url, target: 'https://example.com:443', method: 'POST', headers: [], secretHeaders: [], body: null },
      runAt: now,
      delayMs: 0,
      strategy: 'await',
      timeoutMs: 30_000,
      completeWithinMs: hour,
      retry: defaultRetryPolicy,
      callback: null,
      labels: {},
      priority: 0,
      startBeforeMs: null,
    });
  });
});

describe('a task with everything', () => {
  it('is taken as it was given', () => {
    const given = {
      id: 'order-42/reminder',
      request,
      runAt: '2026-12-01T09:00:00+01:00',
      strategy: 'async',
      timeout: 'PT1M',
      completeWithin: '30d',
      retry: { backoff: 'fixed', maxAttempts: 100, initialDelay: 0, factor: 10, maxDelay: '30d', jitter: 1 },
      startBefore: '2h',
      callback: { url: 'http://example.com', method: 'get', headers: { a: 'b' }, secretHeaders: ['A'], on: ['failed'] },
      labels: { customer: '42' },
      priority: -1_000,
    };
    expect(parsed(given)).toMatchObject({
      id: 'order-42/reminder',
      runAt: Date.UTC(2026, 11, 1, 8),
      strategy: 'async',
      timeoutMs: minute,
      completeWithinMs: 30 * day,
      retry: { backoff: 'fixed', maxAttempts: 100, initialDelayMs: 0, factor: 10, maxDelayMs: 30 * day, jitter: 1 },
      startBeforeMs: 2 * hour,
      callback: {
        url: 'http://example.com',
        target: 'http://example.com:80',
        method: 'GET',
        headers: [{ name: 'a', value: 'b' }],
        secretHeaders: ['a'],
        on: ['failed'],
      },
      labels: { customer: '42' },
      priority: -1_000,
    });
  });

  it('has the outcomes of its callback told all three by default', () => {
    expect(parsed({ request, callback: { url } }).callback).toEqual({
      url,
      target: 'https://example.com:443',
      method: 'POST',
      headers: [],
      secretHeaders: [],
      on: ['succeeded', 'failed', 'cancelled'],
    });
  });
});

describe('the time of a task', () => {
  it.each<[object, number]>([
    [{}, now],
    [{ delay: 0 }, now],
    [{ delay: '15m' }, now + 15 * minute],
    [{ delay: 'P1DT2H' }, now + 26 * hour],
    [{ delay: '3653d' }, now + 3_653 * day],
    [{ runAt: now + 1 }, now + 1],
    [{ runAt: now - 1 }, now],
    [{ runAt: 0 }, now],
    [{ runAt: '1970-01-01T00:00:00Z' }, now],
    [{ runAt: now + 3_653 * day }, now + 3_653 * day],
  ])('is worked out from %j', (timing, runAt) => {
    expect(parsed({ request, ...timing }).runAt).toBe(runAt);
  });
});

describe('the other actions', () => {
  it('take a runner with its parameters, checked by the runner and kept as sent', () => {
    const { action } = parsed({ runner: { name: 'example', params: { count: 2, note: 'x' } } });
    expect(action).toMatchObject({ kind: 'runner', name: 'example', body: { kind: 'json' } });
    expect(action.kind === 'runner' && text(action.body.bytes)).toBe('{"count":2,"note":"x"}');
  });

  it('take a runner and an event without further ado', () => {
    const { action: runner } = parsed({ runner: { name: 'example' } });
    expect(runner.kind === 'runner' && text(runner.body.bytes)).toBe('{}');
    const { action: event } = parsed({ event: { detailType: 'Reminder' } });
    expect(event).toMatchObject({ kind: 'event', detailType: 'Reminder', body: { kind: 'json' } });
    expect(event.kind === 'event' && text(event.body.bytes)).toBe('{}');
  });

  it('take an event with its detail', () => {
    const { action } = parsed({ event: { detailType: 'x'.repeat(128), detail: JSON.parse('{"__proto__":1,"a":[]}') } });
    expect(action.kind === 'event' && text(action.body.bytes)).toBe('{"__proto__":1,"a":[]}');
  });
});

describe('a retry policy', () => {
  it.each<[object, object]>([
    [{}, defaultRetryPolicy],
    [{ maxAttempts: 1 }, { ...defaultRetryPolicy, maxAttempts: 1 }],
    [
      { backoff: 'fixed', initialDelay: '10s' },
      { ...defaultRetryPolicy, backoff: 'fixed', initialDelayMs: 10_000 },
    ],
    [
      { factor: 1.5, maxDelay: 'P30D', jitter: 0 },
      { ...defaultRetryPolicy, factor: 1.5, maxDelayMs: 30 * day, jitter: 0 },
    ],
    [{ delays: [] }, { backoff: 'delays', maxAttempts: 1, delaysMs: [], jitter: 0.2 }],
    [{ delays: ['5s', 300_000, 'PT30M'] }, { backoff: 'delays', maxAttempts: 4, delaysMs: [5_000, 300_000, 1_800_000], jitter: 0.2 }],
    [
      { delays: new Array(99).fill(0), jitter: 0.5 },
      { backoff: 'delays', maxAttempts: 100, delaysMs: new Array(99).fill(0), jitter: 0.5 },
    ],
  ])('is read from %j', (retry, policy) => {
    expect(parsed({ request, retry }).retry).toEqual(policy);
  });
});

describe('labels', () => {
  it.each([
    [{}],
    [{ a: '' }],
    [{ ['k'.repeat(64)]: 'v'.repeat(256) }],
    [{ 'app/name.x': '😀'.repeat(256) }],
    [{ constructor: 'a', toString: 'b' }],
  ])('may be %j', (labels) => {
    expect(parsed({ request, labels }).labels).toEqual(labels);
  });

  it('may not be called __proto__, which readers of stored JSON drop', () => {
    const result = parseTask({ request, labels: JSON.parse('{"__proto__":"x"}') }, context());
    expect(result.ok ? [] : result.errors.map(({ path }) => path)).toEqual(['labels.__proto__']);
  });
});

describe('a change', () => {
  it('has what was given and nothing else', () => {
    expect(parseTaskChanges({ timeout: '1m' }, context())).toEqual({ ok: true, value: { timeoutMs: minute } });
    expect(parseTaskChanges({ callback: null }, context())).toEqual({ ok: true, value: { callback: null } });
    expect(parseTaskChanges({ delay: '1m' }, context())).toEqual({ ok: true, value: { runAt: now + minute, delayMs: minute } });
    expect(parseTaskChanges({ runAt: 0 }, context())).toEqual({ ok: true, value: { runAt: now } });
    expect(parseTaskChanges({ labels: {} }, context())).toEqual({ ok: true, value: { labels: {} } });
  });

  it('replaces whole fields, so what is missing in them is the default again', () => {
    expect(parseTaskChanges({ request, retry: { maxAttempts: 2 }, callback: { url } }, context())).toMatchObject({
      ok: true,
      value: {
        action: { kind: 'http', url, method: 'POST', body: null },
        retry: { ...defaultRetryPolicy, maxAttempts: 2 },
        callback: { url, on: ['succeeded', 'failed', 'cancelled'] },
      },
    });
  });
});

describe('the other bodies', () => {
  it('of a batch leave its tasks for later, bad ones too', () => {
    const tasks = [{ request }, { nonsense: true }, null, 7];
    expect(parseBatch({ tasks })).toEqual({ ok: true, value: { tasks } });
    expect(parseBatch({ tasks: new Array(100).fill(0) }).ok).toBe(true);
  });

  it('of a cancel may be absent, empty, or have a reason', () => {
    expect(parseCancel(undefined)).toEqual({ ok: true, value: { reason: null } });
    expect(parseCancel({})).toEqual({ ok: true, value: { reason: null } });
    expect(parseCancel({ reason: 'x'.repeat(1_024) })).toEqual({ ok: true, value: { reason: 'x'.repeat(1_024) } });
  });

  it('of a route that takes none may be absent or empty', () => {
    expect(parseNothing(undefined)).toEqual({ ok: true, value: null });
    expect(parseNothing({})).toEqual({ ok: true, value: null });
  });
});

describe('the schemas', () => {
  it.each(Object.entries({ task, taskChanges, batch, cancel }))('of %s can be told to OpenAPI', (_, schema) => {
    const json = z.toJSONSchema(schema, { io: 'input' });
    expect(json).toMatchObject({ type: 'object', additionalProperties: false });
    for (const [field, described] of Object.entries(json.properties ?? {})) {
      expect(Object.keys(described as object), field).not.toEqual([]);
    }
  });
});
