import type { Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { type Caller, callerWith, closeAll, httpServer, rawServer, signalled, stillClock, textOf } from './servers.ts';

afterEach(closeAll);

const ok = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';
const many = (caller: Caller, url: string, count: number) => Promise.all(Array.from({ length: count }, () => caller.call({ url })));
/**
 * undici looks at a kept-alive socket once more before it writes, in the next check phase of the event loop. Going on from a check
 * phase puts a poll between, in which the end of the connection is noticed while the request is still unwritten.
 */
const afterPoll = () => new Promise((resolve) => setImmediate(resolve));

describe('connections to a target', () => {
  test('are reused: 200 calls at once, and again, take 200 connections', async () => {
    const server = await httpServer((_request, response) => response.end('ok'));
    const caller = callerWith();
    for (let round = 0; round < 3; round += 1) {
      for (const outcome of await many(caller, server.url, 200)) expect(textOf(outcome)).toBe('ok');
    }
    expect(server.seen.requests).toBe(600);
    expect(server.seen.connections).toBeLessThanOrEqual(200);
  });

  test('are no more than allowed: further calls wait for one', async () => {
    const server = await httpServer((_request, response) => setImmediate(() => response.end('ok')));
    for (const outcome of await many(callerWith({ connectionsPerTarget: 7 }), server.url, 200)) expect(textOf(outcome)).toBe('ok');
    expect(server.seen).toEqual({ requests: 200, connections: 7 });
  });

  test('are used by one call after the other', async () => {
    const server = await httpServer((_request, response) => response.end('ok'));
    const caller = callerWith();
    for (let call = 0; call < 20; call += 1) await caller.call({ url: server.url });
    expect(server.seen).toEqual({ requests: 20, connections: 1 });
  });

  test('that the target closes after each answer are replaced, for waiting calls too', async () => {
    const server = await rawServer((socket) => socket.end('HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok'));
    for (const outcome of await many(callerWith({ connectionsPerTarget: 3 }), server.url, 20)) expect(textOf(outcome)).toBe('ok');
    expect(server.seen).toEqual({ requests: 20, connections: 20 });
  });

  test('that fail make room for waiting calls', async () => {
    const server = await rawServer((socket) => (server.seen.requests % 2 === 1 ? socket.destroy() : socket.write(ok)));
    const outcomes = await many(callerWith({ connectionsPerTarget: 1 }), server.url, 6);
    expect(outcomes.map(({ kind }) => kind)).toEqual(['network', 'response', 'network', 'response', 'network', 'response']);
  });

  test('of a call past its deadline make room for waiting calls', async () => {
    const server = await rawServer((socket) => server.seen.requests > 1 && socket.write(ok));
    const caller = callerWith({ connectionsPerTarget: 1 });
    const [first, second] = await Promise.all([caller.call({ url: server.url, timeoutMs: 100 }), caller.call({ url: server.url })]);
    expect([first.kind, second.kind]).toEqual(['timeout', 'response']);
  });

  test('are not shared between targets', async () => {
    const [one, other] = [
      await httpServer((_request, response) => response.end('one')),
      await httpServer((_request, response) => response.end('other')),
    ];
    const caller = callerWith();
    expect(textOf(await caller.call({ url: one.url }))).toBe('one');
    expect(textOf(await caller.call({ url: other.url }))).toBe('other');
    expect(textOf(await caller.call({ url: one.url }))).toBe('one');
  });

  test('that are idle are bounded over all targets: the one idle longest is closed', async () => {
    const closed: number[] = [];
    const told = [signalled(), signalled(), signalled()];
    const servers = await Promise.all(
      told.map(({ tell }, index) =>
        rawServer((socket) => {
          socket.write(ok);
          socket.once('close', () => {
            closed.push(index);
            tell();
          });
        }),
      ),
    );
    const caller = callerWith({ idleConnections: 2 });
    for (const { url } of servers) await caller.call({ url });
    await told[0]?.happened;
    expect(closed).toEqual([0]);
    for (const { url } of servers.slice(1)) await caller.call({ url });
    expect(servers.map(({ seen }) => seen.connections)).toEqual([1, 1, 1]);
  });
});

describe('a kept-alive connection', () => {
  test.each([
    ['GET', 'a FIN', (socket: Socket) => socket.end()],
    ['POST', 'a FIN', (socket: Socket) => socket.end()],
    ['GET', 'a reset', (socket: Socket) => socket.resetAndDestroy()],
    ['POST', 'a reset', (socket: Socket) => socket.resetAndDestroy()],
  ])('that ends under a %s by %s before any answer fails the call, which is not sent again', async (method, _how, end) => {
    const server = await rawServer((socket) => (server.seen.requests === 1 ? socket.write(ok) : end(socket)));
    const caller = callerWith();
    await caller.call({ url: server.url, method });
    expect(await caller.call({ url: server.url, method })).toMatchObject({ kind: 'network' });
    expect(server.seen).toEqual({ requests: 2, connections: 1 });
  });

  test('that the target has closed while idle is replaced by a new one, also when it was the only one allowed', async () => {
    const server = await rawServer((socket) => socket.write(ok));
    const caller = callerWith({ connectionsPerTarget: 1 });
    await caller.call({ url: server.url });
    const gone = signalled();
    for (const socket of server.sockets) socket.once('close', gone.tell).end();
    await gone.happened;
    expect(textOf(await caller.call({ url: server.url }))).toBe('ok');
    expect(server.seen).toEqual({ requests: 2, connections: 2 });
  });

  test('that the target closes under a request not yet written passes it on to a new one', async () => {
    const server = await rawServer((socket) => socket.write(ok));
    const caller = callerWith();
    await caller.call({ url: server.url });
    await afterPoll();
    for (const socket of server.sockets) socket.destroy();
    expect(textOf(await caller.call({ url: server.url }))).toBe('ok');
    expect(server.seen).toEqual({ requests: 2, connections: 2 });
  });

  test('that the target closes under a request not yet written is not replaced once the start window is over', async () => {
    const server = await rawServer((socket) => socket.write(ok));
    const clock = stillClock();
    const caller = callerWith({ clock });
    await caller.call({ url: server.url });
    await afterPoll();
    for (const socket of server.sockets) socket.destroy();
    const call = caller.call({ url: server.url });
    clock.wall += 5_000;
    expect(await call).toMatchObject({ kind: 'interrupted', message: expect.stringContaining('not begun') });
    expect(server.seen).toEqual({ requests: 1, connections: 1 });
  });

  test('on which more comes than was asked for is not trusted with another call', async () => {
    const server = await rawServer((socket) => socket.write(`${ok}HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged`));
    const caller = callerWith();
    expect(textOf(await caller.call({ url: server.url }))).toBe('ok');
    expect(textOf(await caller.call({ url: server.url }))).toBe('ok');
    expect(server.seen.connections).toBe(2);
  });
});

describe('closing the caller', () => {
  test('interrupts calls in flight and waiting, refuses later ones, and leaves no socket open', async () => {
    const arrived = signalled();
    const server = await rawServer((_socket, text) => text.startsWith('POST') && arrived.tell());
    const caller = callerWith({ connectionsPerTarget: 1 });
    const calls = [caller.call({ url: server.url }), caller.call({ url: server.url })];
    await arrived.happened;
    const gone = signalled();
    for (const socket of server.sockets) socket.once('close', gone.tell);
    await caller.close();
    for (const outcome of await Promise.all(calls))
      expect(outcome).toMatchObject({ kind: 'interrupted', message: expect.stringContaining('closed') });
    expect(await caller.call({ url: server.url })).toMatchObject({ kind: 'interrupted', message: expect.stringContaining('closed') });
    await gone.happened;
    expect(server.seen.requests).toBe(1);
  });

  test('closes idle connections, and may be asked for twice', async () => {
    const server = await rawServer((socket) => socket.write(ok));
    const caller = callerWith();
    await caller.call({ url: server.url });
    const gone = signalled();
    for (const socket of server.sockets) socket.once('close', gone.tell);
    await Promise.all([caller.close(), caller.close()]);
    await gone.happened;
  });
});
