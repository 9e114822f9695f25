import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { HttpOutcome } from '../../src/application/ports.ts';
import { judge, type Verdict } from '../../src/application/verdict.ts';
import { limits } from '../../src/domain/limits.ts';
import { day, epoch, hour, minute, second } from '../domain/task-histories.ts';
import { response } from '../support/scripted-caller.ts';

const now = epoch;
const judged = (outcome: HttpOutcome, strategy: 'await' | 'async' = 'await'): Verdict => judge(outcome, { strategy, now, tells: false });
const answered = (status: number, headers: Readonly<Record<string, string>> = {}, body = '', strategy: 'await' | 'async' = 'await') =>
  judged(response(status, headers, body), strategy);
const continued = (value: string, headers: Readonly<Record<string, string>> = {}, body = '') =>
  answered(200, { ...headers, 'errand-continue': value }, body);

const later = [408, 425, 429, 500, 501, 502, 503, 504, 511, 599];
const final = [
  199, 300, 301, 302, 303, 304, 307, 308, 400, 401, 402, 403, 404, 405, 406, 407, 409, 410, 411, 413, 414, 415, 418, 422, 423, 424, 426,
  428, 431, 451, 499,
];

describe('a status', () => {
  test.each([200, 201, 202, 204, 206, 299])('%i is success, or acceptance for an asynchronous task', (status) => {
    expect(answered(status, {}, 'ok')).toMatchObject({ type: 'succeed', result: { status, bytes: 2, truncated: false, durationMs: 5 } });
    expect(answered(status, {}, 'ok', 'async')).toMatchObject({ type: 'accept', response: { status, bytes: 2 } });
  });

  test.each(later)('%i is a failure that may be retried', (status) => {
    for (const strategy of ['await', 'async'] as const) {
      expect(answered(status, {}, 'x', strategy)).toMatchObject({
        type: 'fail',
        retryable: true,
        error: { kind: 'http', status },
        result: { bytes: 1 },
      });
    }
  });

  test.each(final)('%i is a failure for good', (status) => {
    expect(answered(status)).toMatchObject({ type: 'fail', retryable: false, retryAfterMs: null, error: { kind: 'http', status } });
  });

  test('of any kind is judged, and a failure never says success', () => {
    fc.assert(
      fc.property(fc.integer({ min: 200, max: 599 }), fc.constantFrom('await' as const, 'async' as const), (status, strategy) => {
        expect(answered(status, {}, '', strategy).type === 'fail').toBe(status >= 300);
      }),
    );
  });
});

describe('what a callback is answered', () => {
  const heard = (status: number, headers: Readonly<Record<string, string>> = {}) =>
    judge(response(status, headers), { strategy: 'await', now, tells: true });

  test.each([199, 300, 404, 409, 411, 500])('%i has it told again, even if the answer asks for no retry', (status) => {
    expect(heard(status, { 'errand-no-retry': 'true', 'retry-after': '7' })).toMatchObject({
      type: 'fail',
      retryable: true,
      retryAfterMs: 7 * second,
    });
  });

  test('410 ends it', () => {
    expect(heard(410, { 'retry-after': '7' })).toMatchObject({ type: 'fail', retryable: false, retryAfterMs: null });
  });

  test.each([200, 299])('%i says that it was heard, and cannot ask to go on', (status) => {
    expect(heard(status, { 'errand-continue': '1s' })).toMatchObject({ type: 'succeed', result: { status } });
  });
});

describe('what is no answer', () => {
  test.each(['timeout', 'network', 'interrupted'] as const)('%s may be retried', (kind) => {
    expect(judged({ kind, message: 'why' })).toEqual({
      type: 'fail',
      error: { kind, message: 'why' },
      retryable: true,
      retryAfterMs: null,
    });
  });

  test('an address that may not be called stays one', () => {
    expect(judged({ kind: 'egress', message: 'private' })).toMatchObject({ type: 'fail', error: { kind: 'egress' }, retryable: false });
  });
});

describe('Retry-After', () => {
  test.each([
    ['0', 0],
    ['7', 7 * second],
    ['  7 ', 7 * second],
    ['86400', day],
    ['Thu, 01 Jan 2026 00:01:00 GMT', minute],
    ['Wed, 31 Dec 2025 23:00:00 GMT', 0],
    ['soon', null],
    ['-5', null],
    ['2026-01-01T00:01:00Z', null],
    ['', null],
  ])('"%s" on 503 is a pause of %s ms', (value, retryAfterMs) => {
    expect(answered(503, { 'retry-after': value })).toMatchObject({ retryable: true, retryAfterMs });
  });

  test('means nothing where nothing is retried', () => {
    expect(answered(404, { 'retry-after': '7' })).toMatchObject({ retryable: false, retryAfterMs: null });
    expect(answered(503, { 'retry-after': '7', 'errand-no-retry': 'true' })).toMatchObject({ retryable: false, retryAfterMs: null });
  });
});

describe('errand-no-retry', () => {
  test.each([
    ['true', false],
    ['TRUE', false],
    [' true ', false],
    ['false', true],
    ['1', true],
    ['', true],
  ])('"%s" on 500 leaves it retryable: %s', (value, retryable) => {
    expect(answered(500, { 'errand-no-retry': value })).toMatchObject({ type: 'fail', retryable });
  });

  test('means nothing on a success', () => {
    expect(answered(200, { 'errand-no-retry': 'true' })).toMatchObject({ type: 'succeed' });
  });
});

describe('errand-continue', () => {
  test.each([
    ['10s', epoch + 10 * second],
    ['PT15M', epoch + 15 * minute],
    ['1500', epoch + 1_500],
    ['0', epoch],
    ['2026-01-01T01:00:00Z', epoch + hour],
    ['2026-01-01T02:00:00+01:00', epoch + hour],
    ['2020-01-01T00:00:00Z', epoch],
    [String(epoch + hour), epoch + hour],
    ['3653d', epoch + limits.scheduleAheadMs],
    [String(epoch + limits.scheduleAheadMs), epoch + limits.scheduleAheadMs],
  ])('"%s" asks to go on then', (value, runAt) => {
    const delayMs = /^(?:\d{4}-|\d{13})/.test(value) ? null : runAt - epoch;
    expect(continued(value)).toEqual({ type: 'continue', runAt, delayMs, body: null });
  });

  test.each([
    '',
    'soon',
    '-5s',
    '2026-01-01',
    '2026-02-30T00:00:00Z',
    '3654d',
    '2099-01-01T00:00:00Z',
    '9'.repeat(14),
    String(epoch + limits.scheduleAheadMs + 1),
  ])('"%s" fails for good as rejected, with what was answered', (value) => {
    expect(continued(value, {}, 'text')).toMatchObject({
      type: 'fail',
      retryable: false,
      error: { kind: 'rejected' },
      result: { bytes: 4 },
    });
  });

  test('wins over waiting on an asynchronous task', () => {
    expect(answered(202, { 'errand-continue': '1s' }, '', 'async')).toMatchObject({ type: 'continue' });
  });

  test('means nothing on a failure', () => {
    expect(answered(500, { 'errand-continue': '1s' })).toMatchObject({ type: 'fail', retryable: true });
  });

  test.each([
    ['application/json', '{"a":1}', true],
    ['Application/JSON; charset=utf-8', '[1]', true],
    ['application/problem+json', '"text"', true],
    [' application/json', '[1]', true],
    ['x-application/json', '[1]', false],
    ['application/vnd.shop; profile="a+json"', '[1]', false],
    ['text/plain', '{"a":1}', false],
    ['application/jsonp', '{"a":1}', false],
    ['application/json', 'not json', false],
    ['application/json', '', false],
    [undefined, ' {"a":1}', true],
    [undefined, '[1]', true],
    [undefined, '"text"', false],
    [undefined, '{broken', false],
  ])('with content type %s and body %s replaces the next body: %s', (type, body, replaces) => {
    const verdict = continued('1s', type === undefined ? {} : { 'content-type': type }, body);
    expect(verdict.type === 'continue' ? (verdict.body === null ? null : new TextDecoder().decode(verdict.body)) : 'fail').toBe(
      replaces ? body : null,
    );
  });

  test('with JSON behind a byte order mark takes it without the mark, as nobody else would read it', () => {
    const verdict = continued('1s', { 'content-type': 'application/json' }, '\ufeff{"a":1}');
    expect(verdict).toMatchObject({ type: 'continue' });
    expect(verdict.type === 'continue' ? new TextDecoder('utf-8', { ignoreBOM: true }).decode(verdict.body ?? undefined) : '').toBe(
      '{"a":1}',
    );
  });

  test('with JSON as deep as a request may be goes on', () => {
    const deepest = '['.repeat(limits.jsonDepth) + ']'.repeat(limits.jsonDepth);
    expect(continued('1s', { 'content-type': 'application/json' }, deepest)).toMatchObject({ type: 'continue' });
  });

  test.each([limits.jsonDepth + 1, 5_000])('with JSON of %i levels, deeper than a request may be, is refused', (depth) => {
    expect(continued('1s', { 'content-type': 'application/json' }, '['.repeat(depth) + ']'.repeat(depth))).toMatchObject({
      type: 'fail',
      retryable: false,
      error: { kind: 'rejected', message: expect.stringContaining('nested deeper than 100') },
    });
  });

  test('with JSON that is not UTF-8 keeps the body', () => {
    const outcome = response(200, { 'errand-continue': '1s', 'content-type': 'application/json' }, Uint8Array.of(0x22, 0xff, 0x22));
    expect(judged(outcome)).toMatchObject({ type: 'continue', body: null });
  });

  test('with truncated JSON fails as truncated; other truncated bodies do not matter', () => {
    const cut = (type: string) =>
      ({ ...response(200, { 'errand-continue': '1s', 'content-type': type }, '{"a":'), truncated: true }) as HttpOutcome;
    expect(judged(cut('application/json'))).toMatchObject({ type: 'fail', retryable: false, error: { kind: 'truncated' } });
    expect(judged(cut('text/plain'))).toMatchObject({ type: 'continue', body: null });
  });

  test('never lies in the past, and never fails the judgement, whatever a target writes', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'0123456789.smhdPTWD:-+Z ') }), (value) => {
        const verdict = continued(value);
        if (verdict.type === 'continue') {
          expect(Number.isSafeInteger(verdict.runAt)).toBe(true);
          expect(verdict.runAt).toBeGreaterThanOrEqual(now);
        } else expect(verdict).toMatchObject({ type: 'fail', error: { kind: 'rejected' } });
      }),
      { numRuns: 2_000 },
    );
  });
});
