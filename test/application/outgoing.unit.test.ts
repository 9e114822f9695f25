import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { deliveryId, encodeId } from '../../src/application/outgoing.ts';
import type { HttpRequest } from '../../src/application/ports.ts';
import type { TaskInput } from '../../src/application/task-input.ts';
import { taskStream } from '../../src/application/task-store.ts';
import { epoch, second } from '../domain/task-histories.ts';
import { createWorld, taskInput } from '../support/application-world.ts';
import { headerOf, response } from '../support/scripted-caller.ts';

type HttpParts = Partial<Extract<TaskInput['action'], { kind: 'http' }>>;
const encoder = new TextEncoder();
const json = (value: unknown) => ({ kind: 'json', bytes: encoder.encode(JSON.stringify(value)) }) as const;

/** What the target of a task receives on its first attempts. */
async function sent(http: HttpParts, parts: Partial<TaskInput> = {}, attempts = 1): Promise<readonly HttpRequest[]> {
  const world = createWorld();
  const id = parts.id ?? 'a';
  const base = taskInput(id, epoch);
  if (base.action.kind !== 'http') throw new Error('not http');
  await world.schedule(id, { ...parts, action: { ...base.action, ...http } });
  world.caller.answer = () => response(500);
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    await world.wake(id);
    await world.clock.advance(2 * second);
  }
  return world.caller.calls.map(({ request }) => request);
}

async function first(http: HttpParts, parts: Partial<TaskInput> = {}): Promise<HttpRequest> {
  const [request] = await sent(http, parts);
  if (request === undefined) throw new Error('no request was sent');
  return request;
}

describe('the request of an attempt', () => {
  test('carries what names it, the same on every attempt of a run but for the attempt itself', async () => {
    const requests = await sent({}, {}, 3);

    expect(requests.map((request) => headerOf(request, 'webhook-id'))).toEqual(['a', 'a', 'a']);
    expect(requests.map((request) => headerOf(request, 'idempotency-key'))).toEqual(['a', 'a', 'a']);
    expect(requests.map((request) => headerOf(request, 'errand-attempt'))).toEqual(['1', '2', '3']);
    expect(requests.map((request) => headerOf(request, 'errand-max-attempts'))).toEqual(['3', '3', '3']);
    expect(requests.map((request) => headerOf(request, 'webhook-timestamp'))).toEqual([0, 2, 4].map((s) => String(epoch / second + s)));
    expect(headerOf(requests[0] as HttpRequest, 'user-agent')).toBe('Errand/test');
  });

  test('is signed over id, time and body', async () => {
    const world = createWorld();
    const request = await first({});

    const expected = world.ports.outgoing.signer.sign('a', epoch / second, request.body);

    expect(headerOf(request, 'webhook-signature')).toBe(expected);
    expect(expected).toMatch(/^v1,/);
  });

  test('names the task in a form that fits any header and path', async () => {
    const request = await first({}, { id: 'order-42/a b.c~d' });

    expect(headerOf(request, 'webhook-id')).toBe('order-42%2Fa%20b%2Ec%7Ed');
    expect(headerOf(request, 'errand-task-id')).toBe('order-42%2Fa%20b.c~d');
  });

  test('keeps a user agent, an idempotency key and a content type that were given', async () => {
    const headers = [
      { name: 'User-Agent', value: 'mine' },
      { name: 'Idempotency-Key', value: 'my-key' },
      { name: 'Content-Type', value: 'application/vnd.x+json' },
    ];

    const request = await first({ headers });

    for (const { name, value } of headers) {
      expect(request.headers.filter(([given]) => given.toLowerCase() === name.toLowerCase())).toEqual([[name, value]]);
    }
    expect(headerOf(request, 'webhook-id')).toBe('a');
  });

  test('opens sealed headers, which the log never held in the clear', async () => {
    const world = createWorld();
    const base = taskInput('a', epoch);
    if (base.action.kind !== 'http') throw new Error('not http');
    const headers = [
      { name: 'Authorization', value: 'Bearer top-secret' },
      { name: 'X-Mine', value: 'also-secret' },
      { name: 'x-open', value: 'open' },
    ];
    await world.schedule('a', { action: { ...base.action, headers, secretHeaders: ['x-mine'] } });

    await world.wake('a');

    const request = world.caller.calls[0]?.request;
    for (const { name, value } of headers) expect(request?.headers).toContainEqual([name, value]);
    expect(JSON.stringify(world.events('a'))).not.toMatch(/top-secret|also-secret/);
  });

  test.each([
    ['text', 'text/plain; charset=utf-8'],
    ['json', 'application/json'],
    ['binary', 'application/octet-stream'],
  ] as const)('names a body of %s as %s', async (kind, type) => {
    expect(headerOf(await first({ body: { kind, bytes: encoder.encode('{}') } }), 'content-type')).toBe(type);
  });

  test('without a body names no content type', async () => {
    const request = await first({ body: null });
    expect([request.body, headerOf(request, 'content-type')]).toEqual([null, undefined]);
  });

  test.each(['GET', 'HEAD'])('with %s sends an object as query parameters', async (method) => {
    const value = { a: 1, list: [1, 'two'], none: null, nested: { x: true }, 'sp ace': 'ü&=' };

    const request = await first({ method, url: 'https://shop.example/find?q=1', body: json(value) });

    expect([...new URL(request.url).searchParams]).toEqual([
      ['q', '1'],
      ['a', '1'],
      ['list', '1'],
      ['list', 'two'],
      ['none', ''],
      ['nested', '{"x":true}'],
      ['sp ace', 'ü&='],
    ]);
    expect([request.body, headerOf(request, 'content-type')]).toEqual([null, undefined]);
  });

  test('with GET sends what is no object as it is', async () => {
    const request = await first({ method: 'GET', body: json([1, 2]) });
    expect(new TextDecoder().decode(request.body ?? undefined)).toBe('[1,2]');
  });

  test('of an asynchronous task tells where to answer, with a token for this very start', async () => {
    const world = createWorld();

    const url = headerOf(await first({}, { strategy: 'async', id: 'a/b' }), 'errand-callback-url') ?? '';

    const [, token = ''] = /^https:\/\/errand\.example\/tasks\/a%2Fb\/callback\/(.+)$/.exec(url) ?? [];
    expect(world.ports.tokens.read(taskStream('a/b'), token)).toEqual({ run: 1, startedVersion: 2 });
    expect(headerOf(await first({}), 'errand-callback-url')).toBeUndefined();
  });

  test('from the second run on has another webhook id', async () => {
    const world = createWorld();
    await world.schedule('a');
    world.caller.answer = (_request, call) => response(200, call < 3 ? { 'errand-continue': '0s' } : {});
    for (let run = 0; run < 3; run += 1) await world.wake('a');

    expect(world.caller.calls.map(({ request }) => headerOf(request, 'webhook-id'))).toEqual(['a', 'a~2', 'a~3']);
  });
});

describe('an encoded id', () => {
  const anyId = fc.string({
    unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)),
    minLength: 1,
    maxLength: 40,
  });

  test('never holds a separator, and decodes to what it was', () => {
    fc.assert(
      fc.property(anyId, (id) => {
        expect(encodeId(id)).not.toMatch(/[.~\s/]/);
        expect(decodeURIComponent(encodeId(id))).toBe(id);
      }),
    );
  });

  test('is another one for every other task and run', () => {
    fc.assert(
      fc.property(anyId, anyId, fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 30 }), (one, other, run, otherRun) => {
        fc.pre(one !== other || run !== otherRun);
        expect(deliveryId(one, run)).not.toBe(deliveryId(other, otherRun));
      }),
    );
  });
});
