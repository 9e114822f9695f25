import { describe, expect, it } from 'vitest';
import { readIdempotencyKey, readTaskId } from '../../../../src/handlers/http/input/identifier.ts';

describe('a task id', () => {
  it.each([
    'a',
    'order-42/reminder',
    'x'.repeat(200),
    'with space # and . and / and ~',
    ' ',
    '...',
    'a/../b',
    '!"$&\'()*+,-:;<=>@[]^_`{|}',
    'cancel',
    'status',
    'batch',
    'a/cancel/b',
    'a/cancelled',
    'recancel',
    'x/callback',
    'callback/token',
    'x/fail',
    'x/heartbeat',
    'x/Cancel',
    'x/callback/a/b',
    'x/pause',
    'x/',
    '/x',
    '__proto__',
  ])('may be %j', (id) => {
    expect(readTaskId(id)).toEqual({ ok: true, value: id });
  });

  it.each<[unknown, RegExp]>([
    ['', /empty/],
    ['x'.repeat(201), /at most 200/],
    ['a?b', /\?, % or/],
    ['a%2Fb', /\?, % or/],
    ['a\\b', /\?, % or/],
    ['.', /"\."/],
    ['..', /"\."/],
    ['é', /printable ASCII/],
    ['a\nb', /printable ASCII/],
    ['a\n', /printable ASCII/],
    ['a\tb', /printable ASCII/],
    ['a\u007f', /printable ASCII/],
    ['😀', /printable ASCII/],
    ['x/cancel', /"\/cancel"/],
    ['/cancel', /"\/cancel"/],
    ['x/run', /"\/run"/],
    ['x/retry', /"\/retry"/],
    ['x/redeliver', /"\/redeliver"/],
    ['x/status', /"\/status"/],
    ['x/result', /"\/result"/],
    ['x/events', /"\/events"/],
    ['x/callback/token', /callback/],
    ['x/callback/', /callback/],
    ['x/callback/token/fail', /callback/],
    ['x/callback/token/heartbeat', /callback/],
    ['x/callback//fail', /callback/],
    [1, /string/],
    [null, /string/],
    [['a'], /string/],
  ])('may not be %j', (id, message) => {
    expect(readTaskId(id)).toEqual({ ok: false, message: expect.stringMatching(message) });
  });
});

describe('an idempotency key', () => {
  it.each(['k', 'x'.repeat(255), '8f14-e45f?%\\ /cancel'])('may be %j', (key) => {
    expect(readIdempotencyKey(key)).toEqual({ ok: true, value: key });
  });

  it.each<[unknown, RegExp]>([
    ['', /empty/],
    ['x'.repeat(256), /at most 255/],
    ['schlüssel', /printable ASCII/],
    ['a\tb', /printable ASCII/],
    [undefined, /string/],
  ])('may not be %j', (key, message) => {
    expect(readIdempotencyKey(key)).toEqual({ ok: false, message: expect.stringMatching(message) });
  });
});
