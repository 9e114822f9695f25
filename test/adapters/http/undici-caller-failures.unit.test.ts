import net from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { callerWith, closeAll, httpServer, rawServer, textOf } from './servers.ts';

afterEach(closeAll);

describe('a network failure', () => {
  test('is a refused connection, with its code', async () => {
    const server = net.createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : 0;
    await new Promise((resolve) => server.close(resolve));
    expect(await callerWith().call({ url: `http://127.0.0.1:${port}/` })).toMatchObject({
      kind: 'network',
      message: expect.stringContaining('ECONNREFUSED'),
    });
    // Every address of the name refuses; the error that gathers them has no message of its own.
    const twice = callerWith({
      lookup: (_hostname, _options, callback) =>
        callback(null, [
          { address: '127.0.0.1', family: 4 },
          { address: '127.0.0.2', family: 4 },
        ]),
    });
    expect(await twice.call({ url: `http://name.test:${port}/` })).toMatchObject({
      kind: 'network',
      message: expect.stringMatching(/ECONNREFUSED 127\.0\.0\.1.*ECONNREFUSED 127\.0\.0\.2/),
    });
  });

  test('is a name that does not resolve', async () => {
    const error = Object.assign(new Error('getaddrinfo ENOTFOUND name.test'), { code: 'ENOTFOUND' });
    const caller = callerWith({ lookup: (_hostname, _options, callback) => callback(error, '') });
    expect(await caller.call({ url: 'http://name.test/' })).toEqual({ kind: 'network', message: 'getaddrinfo ENOTFOUND name.test' });
  });

  test.each([
    ['before the response', ''],
    ['within the headers', 'HTTP/1.1 200 OK\r\ncontent-le'],
    ['within a body of known length', 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf'],
    ['within a body of known length, though it was announced', 'HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 10\r\n\r\nhalf'],
    ['within a chunk', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\na\r\nhalf'],
    ['between chunks', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n4\r\nhalf\r\n'],
  ])('is a connection that ends %s, by a FIN or by a reset, after one try', async (_when, answer) => {
    for (const method of ['GET', 'POST']) {
      for (const end of [(socket: net.Socket) => socket.end(), (socket: net.Socket) => socket.resetAndDestroy()]) {
        const server = await rawServer((socket) => (answer === '' ? end(socket) : socket.write(answer, () => end(socket))));
        const outcome = await callerWith().call({ url: server.url, method });
        expect(outcome.kind).toBe('network');
        expect([server.seen.requests, server.seen.connections]).toEqual([1, 1]);
      }
    }
  });

  test('is an answer that is not HTTP', async () => {
    const server = await rawServer((socket) => socket.end('SSH-2.0-OpenSSH_9.9\r\n'));
    expect(await callerWith().call({ url: server.url })).toMatchObject({ kind: 'network', message: expect.stringContaining('HTTP') });
  });

  test('is a switch of protocols that nobody asked for', async () => {
    const server = await rawServer((socket) =>
      socket.write('HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n'),
    );
    expect(await callerWith().call({ url: server.url })).toMatchObject({ kind: 'network' });
  });

  test('is a 100 Continue that nobody asked for: a limit of undici, which allows none', async () => {
    const server = await rawServer((socket) => socket.write('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'));
    expect(await callerWith().call({ url: server.url })).toMatchObject({ kind: 'network' });
  });

  test('is TLS that does not come about', async () => {
    const server = await rawServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    const outcome = await callerWith().call({ url: server.url.replace('http:', 'https:') });
    expect(outcome).toMatchObject({ kind: 'network', message: expect.stringMatching(/SSL|EPROTO/i) });
  });

  test.each([
    ['a header name with a space', { headers: [['x a', '1']] as const }],
    ['a header value with a line break', { headers: [['x-a', '1\r\nx-b: 2']] as const }],
    ['a header value beyond latin1', { headers: [['x-a', '✓']] as const }],
    ['an expectation', { headers: [['expect', '100-continue']] as const }],
    ['two lengths', { headers: [['content-length', '3']] as const, body: Buffer.from('hello') }],
    ['a method that is none', { method: 'GET /' }],
    ['CONNECT', { method: 'CONNECT' }],
  ])('is a request that cannot be sent: %s', async (_what, request) => {
    const server = await httpServer((_request, response) => response.end('ok'));
    const caller = callerWith();
    await caller.call({ url: server.url });
    expect(await caller.call({ url: server.url, ...request })).toMatchObject({ kind: 'network' });
    expect(server.seen.requests).toBe(1);
    expect(textOf(await caller.call({ url: server.url }))).toBe('ok');
  });

  test('is every header that could end early: nothing of such a request is written', async () => {
    const server = await rawServer((socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'));
    const caller = callerWith();
    const characters = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code));
    const inValues = [...characters.filter((one) => /[^\t\x20-\x7e\x80-\xff]/.test(one)), '\u010d\u010a', '\u560d\u560a', '\u2028'];
    const inNames = [...characters.filter((one) => !/[!#$%&'*+.^_`|~0-9A-Za-z-]/.test(one)), '\u0130'];
    for (const one of inValues) {
      const headers = [['x-a', `a${one}X-Smuggled: b`]] as const;
      expect((await caller.call({ url: server.url, headers })).kind, JSON.stringify(one)).toBe('network');
    }
    for (const one of inNames) {
      const headers = [[`x-a${one}x-smuggled`, 'b']] as const;
      expect((await caller.call({ url: server.url, headers })).kind, JSON.stringify(one)).toBe('network');
    }
    expect(server.seen.requests).toBe(0);
    expect((await caller.call({ url: server.url, headers: [['x-a', '\t !~\u00ff']] })).kind).toBe('response');
  });

  test.each(['http://127.0.0.1:0/', 'http://[::1]:0/'])('is a port that is none: %s', async (url) => {
    expect(await callerWith().call({ url })).toMatchObject({ kind: 'network' });
  });

  test.each(['', 'example.org', 'ftp://example.org/', 'data:,x', 'http://'])('is the URL "%s"', async (url) => {
    expect(await callerWith().call({ url })).toMatchObject({ kind: 'network', message: expect.stringContaining('URL') });
  });
});
