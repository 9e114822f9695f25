import { describe, expect, it } from 'vitest';
import type { ParseResult } from '../../../../src/application/reading.ts';
import {
  parseEventsQuery,
  parseListQuery,
  parseStreamQuery,
  parseTaskQuery,
  type Query,
  readPosition,
} from '../../../../src/handlers/http/input/list-query.ts';

const nine = Date.UTC(2026, 11, 1, 9);
const none = { status: null, labels: {}, from: null, to: null, limit: 50, cursor: null };

function paths(result: ParseResult<unknown>): string[] {
  return result.ok ? [] : result.errors.map((error) => error.path);
}

describe('the query of a list', () => {
  it.each<[Query, object]>([
    [{}, {}],
    [{ status: undefined }, {}],
    [{ status: 'waiting' }, { status: 'waiting' }],
    [{ limit: '1' }, { limit: 1 }],
    [{ limit: '100' }, { limit: 100 }],
    [{ cursor: 'opaque~' }, { cursor: 'opaque~' }],
    [
      { from: '2026-12-01T09:00:00Z', to: String(nine + 1) },
      { from: nine, to: nine + 1 },
    ],
    [{ from: '2026-12-01T10:00:00 01:00' }, { from: nine }],
    [{ from: '0' }, { from: 0 }],
    [{ 'label.customer': '42', 'label.a.b': '', 'label.label.': 'x' }, { labels: { customer: '42', 'a.b': '', 'label.': 'x' } }],
  ])('may be %j', (query, expected) => {
    expect(parseListQuery(query)).toEqual({ ok: true, value: { ...none, ...expected } });
  });

  it('cannot ask for the label __proto__, which no task can have', () => {
    const result = parseListQuery(JSON.parse('{"label.__proto__":"x"}'));
    expect(result.ok ? [] : result.errors.map(({ path }) => path)).toEqual(['label.__proto__']);
  });

  it.each<[Query, string]>([
    [{ status: 'done' }, 'status'],
    [{ status: '' }, 'status'],
    [{ status: 'Failed' }, 'status'],
    [{ status: 'deleted' }, 'status'],
    [{ limit: '0' }, 'limit'],
    [{ limit: '101' }, 'limit'],
    [{ limit: '-1' }, 'limit'],
    [{ limit: '1.5' }, 'limit'],
    [{ limit: '' }, 'limit'],
    [{ limit: '1e1' }, 'limit'],
    [{ cursor: '' }, 'cursor'],
    [{ from: 'yesterday' }, 'from'],
    [{ from: '2026-12-01' }, 'from'],
    [{ from: '9'.repeat(400) }, 'from'],
    [{ to: '2026-12-01T09:00:00' }, 'to'],
    [{ to: '' }, 'to'],
    [{ 'label.': 'x' }, 'label[""]'],
    [{ [`label.${'k'.repeat(65)}`]: 'x' }, `label.${'k'.repeat(65)}`],
    [{ 'label.a': 'x'.repeat(257) }, 'label.a'],
    [{ label: 'x' }, 'label'],
    [{ page: '2' }, 'page'],
    [JSON.parse('{"__proto__":"x"}'), '__proto__'],
    [Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`label.${index}`, 'x'])), ''],
  ])('may not be %j', (query, path) => {
    expect(paths(parseListQuery(query))).toEqual([path]);
  });

  it('is refused for everything wrong in it at once', () => {
    expect(paths(parseListQuery({ 'label.': 'x', status: 'x', page: '1' }))).toEqual(['label[""]', 'status', 'page']);
  });
});

describe('the query of a history', () => {
  it('has a hundred events by default and a thousand at most', () => {
    expect(parseEventsQuery({})).toEqual({ ok: true, value: { limit: 100, cursor: null } });
    expect(parseEventsQuery({ limit: '1000', cursor: 'c' })).toEqual({ ok: true, value: { limit: 1_000, cursor: 'c' } });
    expect(paths(parseEventsQuery({ limit: '1001' }))).toEqual(['limit']);
    expect(paths(parseEventsQuery({ status: 'failed' }))).toEqual(['status']);
  });
});

describe('asOf', () => {
  it.each<[string | undefined, object | null]>([
    [undefined, null],
    ['0', { version: 0 }],
    ['7', { version: 7 }],
    ['999999999', { version: 999_999_999 }],
    ['1000000000', { time: 1_000_000_000 }],
    [String(nine), { time: nine }],
    ['2026-12-01T09:00:00Z', { time: nine }],
    ['2026-12-01T10:00:00+01:00', { time: nine }],
    ['2026-12-01T10:00:00 0100', { time: nine }],
    ['1970-01-01T00:00:00Z', { time: 0 }],
  ])('may be %j', (asOf, expected) => {
    expect(parseTaskQuery({ asOf })).toEqual({ ok: true, value: { asOf: expected } });
  });

  it.each(['', '-1', '1.5', '1000000000.5', '1.2.3', 'latest', '2026-12-01', '99999999999999999999'])('may not be %j', (asOf) => {
    expect(paths(parseTaskQuery({ asOf }))).toEqual(['asOf']);
  });

  it('stands alone', () => {
    expect(paths(parseTaskQuery({ version: '1' }))).toEqual(['version']);
  });
});

describe('the query of the event stream', () => {
  it.each<[Query, object]>([
    [{}, { types: null, after: null }],
    [{ types: 'TaskFailed' }, { types: ['TaskFailed'], after: null }],
    [
      { types: 'TaskFailed, TaskSucceeded,TaskFailed', after: '0' },
      { types: ['TaskFailed', 'TaskSucceeded'], after: 0 },
    ],
  ])('may be %j', (query, expected) => {
    expect(parseStreamQuery(query)).toEqual({ ok: true, value: expected });
  });

  it.each<[Query, string]>([
    [{ types: '' }, 'types'],
    [{ types: 'TaskFailed,' }, 'types'],
    [{ types: 'a b' }, 'types'],
    [{ after: '-1' }, 'after'],
    [{ after: '1.5' }, 'after'],
    [{ after: '' }, 'after'],
    [{ after: '9999999999999999' }, 'after'],
    [{ since: '1' }, 'since'],
  ])('may not be %j', (query, path) => {
    expect(paths(parseStreamQuery(query))).toEqual([path]);
  });

  it('reads the position of a Last-Event-ID the same way', () => {
    expect(readPosition('42')).toEqual({ ok: true, value: 42 });
    expect(readPosition('x').ok).toBe(false);
    expect(readPosition(undefined).ok).toBe(false);
  });
});
