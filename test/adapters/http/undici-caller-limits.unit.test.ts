import type { LookupFunction } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { callerWith, closeAll, httpServer, rawServer, signalled, stillClock, textOf } from './servers.ts';

afterEach(closeAll);

const loopback = (callback: Parameters<LookupFunction>[2]) => callback(null, [{ address: '127.0.0.1', family: 4 }]);

describe('the one deadline', () => {
  test('ends a call whose name does not resolve, and an answer that comes later connects to nothing', async () => {
    const server = await httpServer((_request, response) => response.end('ok'));
    const asked: Parameters<LookupFunction>[2][] = [];
    const caller = callerWith({ connectionsPerTarget: 1, lookup: (_hostname, _options, callback) => asked.push(callback) });
    const url = `http://name.test:${server.port}/`;
    const outcome = await caller.call({ url, timeoutMs: 100 });
    expect(outcome).toEqual({ kind: 'timeout', message: 'no complete response within 100 ms: gave up while connecting' });
    const [late] = asked;
    if (late !== undefined) loopback(late);
    // The place of the abandoned connection is free again: the only one there is takes the next call.
    const next = caller.call({ url });
    const [, answer] = asked;
    if (answer !== undefined) loopback(answer);
    expect(textOf(await next)).toBe('ok');
    expect(server.seen).toEqual({ requests: 1, connections: 1 });
  });

  test('ends a call whose TLS handshake is not answered, and closes the socket', async () => {
    const closed = signalled();
    const server = await rawServer((socket) => socket.once('close', closed.tell));
    const outcome = await callerWith().call({ url: server.url.replace('http:', 'https:'), timeoutMs: 100 });
    expect(outcome).toMatchObject({ kind: 'timeout', message: expect.stringContaining('while connecting') });
    await closed.happened;
  });

  test('ends a call that gets no headers, and closes the connection', async () => {
    const closed = signalled();
    const server = await rawServer((socket) => socket.once('close', closed.tell));
    const outcome = await callerWith().call({ url: server.url, timeoutMs: 100 });
    expect(outcome).toMatchObject({
      kind: 'timeout',
      message: expect.stringContaining('100 ms: gave up while waiting for the response headers'),
    });
    await closed.happened;
    expect(server.seen.requests).toBe(1);
  });

  test.each([
    ['headers', 'HTTP/1.1 200 OK\r\nx-a: ', 'while waiting for the response headers'],
    ['a body', 'HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n', 'while reading the response body'],
    ['chunks', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n', 'while reading the response body'],
    ['interim answers', 'HTTP/1.1 103 Early Hints\r\n\r\n', 'while waiting for the response headers'],
  ])('is not moved by a target that drips %s', async (what, start, phase) => {
    const drop = what === 'chunks' ? '1\r\nx\r\n' : what === 'interim answers' ? start : 'x';
    const server = await rawServer((socket) => {
      socket.write(start);
      const drip = setInterval(() => socket.write(drop), 5);
      socket.once('close', () => clearInterval(drip));
    });
    const startedAt = performance.now();
    const outcome = await callerWith().call({ url: server.url, timeoutMs: 150 });
    expect(outcome).toMatchObject({ kind: 'timeout', message: expect.stringContaining(phase) });
    expect(performance.now() - startedAt).toBeGreaterThan(140);
  });

  test('leaves the other calls to the same target alone', async () => {
    const held = signalled();
    const server = await httpServer(async (request, response) => {
      if (request.url === '/slow') return;
      await held.happened;
      response.end('ok');
    });
    const caller = callerWith();
    const other = caller.call({ url: server.url });
    expect(await caller.call({ url: `${server.url}slow`, timeoutMs: 100 })).toMatchObject({ kind: 'timeout' });
    held.tell();
    expect(textOf(await other)).toBe('ok');
  });
});

describe('the window in which a call may begin', () => {
  const refused = { kind: 'interrupted', message: expect.stringContaining('not begun') };

  test.each([
    ['wall', 5_000, 0],
    ['monotonic', 0, 5_000],
  ])('is over when the %s clock has reached its end: nothing is connected', async (_which, wall, mono) => {
    const server = await httpServer((_request, response) => response.end());
    const clock = stillClock();
    const beginBefore = { wall: clock.wall + 5_000, monotonic: clock.mono + 5_000 };
    const caller = callerWith({ clock });
    clock.wall += wall;
    clock.mono += mono;
    expect(await caller.call({ url: server.url, beginBefore })).toEqual(refused);
    expect(server.seen).toEqual({ requests: 0, connections: 0 });
  });

  test('may pass while connecting: the request is not written', async () => {
    const server = await rawServer(() => {});
    const clock = stillClock();
    const lookup: LookupFunction = (_hostname, _options, callback) => {
      clock.mono += 5_000;
      loopback(callback);
    };
    const outcome = await callerWith({ clock, lookup }).call({ url: `http://name.test:${server.port}/` });
    expect(outcome).toEqual(refused);
    expect(server.seen.requests).toBe(0);
  });

  test('is looked at on a kept-alive connection too, which stays usable', async () => {
    const server = await httpServer((_request, response) => response.end('ok'));
    const clock = stillClock();
    const caller = callerWith({ clock });
    await caller.call({ url: server.url });
    expect(await caller.call({ url: server.url, beginBefore: { wall: clock.wall, monotonic: clock.mono + 1 } })).toEqual(refused);
    expect(server.seen).toEqual({ requests: 1, connections: 1 });
    expect(textOf(await caller.call({ url: server.url }))).toBe('ok');
    expect(server.seen).toEqual({ requests: 2, connections: 1 });
  });

  test('may pass between taking a kept-alive connection and writing on it', async () => {
    const server = await httpServer((_request, response) => response.end('ok'));
    const clock = stillClock();
    const caller = callerWith({ clock });
    await caller.call({ url: server.url });
    const call = caller.call({ url: server.url });
    clock.wall += 5_000;
    expect(await call).toEqual(refused);
    expect(textOf(await caller.call({ url: server.url }))).toBe('ok');
    expect(server.seen.requests).toBe(2);
  });

  test('bounds how long a call waits for a free connection', async () => {
    const server = await rawServer(() => {});
    const clock = stillClock();
    const caller = callerWith({ clock, connectionsPerTarget: 1 });
    const first = caller.call({ url: server.url, timeoutMs: 300 });
    const waiting = await caller.call({ url: server.url, beginBefore: { wall: clock.wall + 60, monotonic: clock.mono + 5_000 } });
    expect(waiting).toEqual(refused);
    expect(await first).toMatchObject({ kind: 'timeout' });
    expect(server.seen.requests).toBe(1);
  });
});

describe('aborting', () => {
  test('before the call makes none', async () => {
    const server = await httpServer((_request, response) => response.end());
    expect(await callerWith().call({ url: server.url, signal: AbortSignal.abort() })).toMatchObject({ kind: 'interrupted' });
    expect(server.seen.connections).toBe(0);
  });

  test('while connecting gives up', async () => {
    const aborter = new AbortController();
    const caller = callerWith({ lookup: () => aborter.abort() });
    expect(await caller.call({ url: 'http://name.test/', signal: aborter.signal })).toEqual({
      kind: 'interrupted',
      message: 'the call was aborted',
    });
  });

  test('while waiting or reading ends the call and closes its connection', async () => {
    for (const answer of ['', 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf']) {
      const aborter = new AbortController();
      const closed = signalled();
      const server = await rawServer((socket) => {
        socket.once('close', closed.tell);
        socket.write(answer, () => aborter.abort());
      });
      expect(await callerWith().call({ url: server.url, signal: aborter.signal })).toEqual({
        kind: 'interrupted',
        message: 'the call was aborted',
      });
      await closed.happened;
    }
  });

  test('a shared signal ends all its calls, waiting ones included, and no others', async () => {
    const arrived = signalled();
    const server = await httpServer((request, response) => {
      if (request.url === '/free') response.end('ok');
      if (server.seen.requests === 4) arrived.tell();
    });
    const aborter = new AbortController();
    const caller = callerWith({ connectionsPerTarget: 4 });
    const calls = Array.from({ length: 10 }, () => caller.call({ url: server.url, signal: aborter.signal }));
    await arrived.happened;
    aborter.abort();
    for (const outcome of await Promise.all(calls)) expect(outcome.kind).toBe('interrupted');
    expect(textOf(await caller.call({ url: `${server.url}free` }))).toBe('ok');
    expect(server.seen.requests).toBe(5);
  });

  test('after the call changes nothing', async () => {
    const server = await httpServer((_request, response) => response.end('ok'));
    const aborter = new AbortController();
    const caller = callerWith();
    const outcome = await caller.call({ url: server.url, signal: aborter.signal });
    aborter.abort();
    expect(textOf(outcome)).toBe('ok');
    await caller.call({ url: server.url });
    expect(server.seen).toEqual({ requests: 2, connections: 1 });
  });
});
