import type { IncomingMessage } from 'node:http';
import { afterEach, describe, expect, test } from 'vitest';
import { limits } from '../../../src/domain/limits.ts';
import { callerWith, closeAll, httpServer, rawServer, responseOf, stillClock, textOf } from './servers.ts';

afterEach(closeAll);

async function bytesOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}

describe('a call', () => {
  test('sends method, path, query, headers and body as they are given', async () => {
    const server = await httpServer(async (request, response) => {
      const body = await bytesOf(request);
      response.end(JSON.stringify({ line: `${request.method} ${request.url}`, raw: request.rawHeaders, body: body.toString('base64') }));
    });
    const body = Uint8Array.of(0, 255, 10, 13);
    const outcome = await callerWith().call({
      url: `${server.url}a%20b/?x=1&x=2#fragment`,
      method: 'PUT',
      headers: [
        ['X-Case', 'Kept'],
        ['x-twice', '1'],
        ['x-twice', '2'],
        ['x-latin', 'caf\u00e9'],
      ],
      body,
    });
    const seen: { line: string; raw: string[]; body: string } = JSON.parse(textOf(outcome));
    expect(seen.line).toBe('PUT /a%20b/?x=1&x=2');
    expect(seen.raw.join('|')).toContain('X-Case|Kept|x-twice|1|x-twice|2|x-latin|café');
    expect(seen.raw.join('|')).toContain('content-length|4');
    expect(seen.body).toBe(Buffer.from(body).toString('base64'));
  });

  test.each(['GET', 'DELETE', 'PATCH'])('may carry a body with %s', async (method) => {
    const server = await httpServer(async (request, response) => response.end(await bytesOf(request)));
    expect(textOf(await callerWith().call({ url: server.url, method, body: Buffer.from('with') }))).toBe('with');
  });

  test('says content-length 0 for a POST without a body and nothing for a GET', async () => {
    const server = await httpServer((request, response) => response.end(String(request.headers['content-length'])));
    expect(textOf(await callerWith().call({ url: server.url }))).toBe('0');
    expect(textOf(await callerWith().call({ url: server.url, method: 'GET' }))).toBe('undefined');
  });

  test('does not follow a redirect', async () => {
    const server = await httpServer((_request, response) => response.writeHead(302, { location: '/elsewhere' }).end('moved'));
    const outcome = responseOf(await callerWith().call({ url: server.url }));
    expect([outcome.status, outcome.headers.location, server.seen.requests]).toEqual([302, '/elsewhere', 1]);
  });

  test('takes as long as the monotonic clock says, in whole milliseconds', async () => {
    const clock = stillClock();
    const server = await httpServer((_request, response) => {
      clock.mono += 41.6;
      response.end();
    });
    expect(responseOf(await callerWith({ clock }).call({ url: server.url })).durationMs).toBe(42);
  });
});

describe('response headers', () => {
  test('have lower-case names, and repeats are joined', async () => {
    const server = await rawServer((socket) =>
      socket.write(
        'HTTP/1.1 200 OK\r\nX-One: 1\r\nSET-Cookie: a=1\r\nset-cookie: b=2\r\nx-one: 2\r\nX-Empty:\r\nContent-Length: 0\r\n\r\n',
      ),
    );
    expect(responseOf(await callerWith().call({ url: server.url })).headers).toEqual({
      'x-one': '1, 2',
      'set-cookie': 'a=1, b=2',
      'x-empty': '',
      'content-length': '0',
    });
  });

  test('named like members of objects are plain headers', async () => {
    const server = await rawServer((socket) =>
      socket.write('HTTP/1.1 200 OK\r\n__proto__: 1\r\nconstructor: 2\r\nConstructor: 3\r\ntoString: 4\r\ncontent-length: 0\r\n\r\n'),
    );
    const { headers } = responseOf(await callerWith().call({ url: server.url }));
    expect(Object.entries(headers)).toEqual([
      ['constructor', '2, 3'],
      ['tostring', '4'],
      ['content-length', '0'],
    ]);
    expect(Object.getPrototypeOf(headers)).toBe(Object.prototype);
  });

  test('keep every byte of a value as one character', async () => {
    const server = await rawServer((socket) =>
      socket.write(Buffer.from('HTTP/1.1 200 OK\r\nx-a: gr\xfc\xdf \xe2\x9c\x93\r\ncontent-length: 0\r\n\r\n', 'latin1')),
    );
    const value = responseOf(await callerWith().call({ url: server.url })).headers['x-a'] ?? '';
    expect(Buffer.from(value, 'latin1')).toEqual(Buffer.from('gr\xfc\xdf \xe2\x9c\x93', 'latin1'));
  });

  test('are kept up to the limit, the small ones first', async () => {
    const server = await httpServer((_request, response) => {
      response.writeHead(503, {
        'x-huge': 'h'.repeat(limits.resultHeaderBytes),
        'x-large': '\u00e9'.repeat(3_000),
        'x-other': 'o'.repeat(3_000),
        'retry-after': '7',
      });
      response.end();
    });
    const { headers } = responseOf(await callerWith().call({ url: server.url }));
    expect(headers['retry-after']).toBe('7');
    expect(headers['x-huge']).toBeUndefined();
    // 6,000 bytes in UTF-8, which do not fit beside the 3,000 of the other.
    expect(headers['x-large']).toBeUndefined();
    expect(headers['x-other']).toBe('o'.repeat(3_000));
    const size = Object.entries(headers).reduce((sum, [name, value]) => sum + Buffer.byteLength(name + value), 0);
    expect(size).toBeLessThanOrEqual(limits.resultHeaderBytes);
  });

  test('of a size no answer has are a network failure', async () => {
    const server = await rawServer((socket) => socket.write(`HTTP/1.1 200 OK\r\nx-huge: ${'h'.repeat(70_000)}\r\n\r\n`));
    expect(await callerWith().call({ url: server.url })).toMatchObject({
      kind: 'network',
      message: expect.stringContaining('UND_ERR_HEADERS_OVERFLOW'),
    });
  });
});

describe('a response body', () => {
  test.each([
    ['in one piece', 'content-length: 11\r\n\r\nhello world'],
    ['in chunks', 'transfer-encoding: chunked\r\n\r\n6\r\nhello \r\n5\r\nworld\r\n0\r\n\r\n'],
  ])('is taken %s', async (_how, rest) => {
    const server = await rawServer((socket) => socket.write(`HTTP/1.1 200 OK\r\n${rest}`));
    expect(responseOf(await callerWith().call({ url: server.url }))).toMatchObject({ truncated: false });
    expect(textOf(await callerWith().call({ url: server.url }))).toBe('hello world');
  });

  test('without a length ends where the connection ends', async () => {
    const server = await rawServer((socket) => socket.end('HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nall of it'));
    expect(textOf(await callerWith().call({ url: server.url }))).toBe('all of it');
  });

  test('is not decoded', async () => {
    const server = await httpServer((_request, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end('not really gzip'));
    expect(textOf(await callerWith().call({ url: server.url }))).toBe('not really gzip');
  });

  test('that comes byte by byte is put together in order', async () => {
    const text = Array.from({ length: 1_000 }, (_, index) => String.fromCharCode(97 + (index % 26))).join('');
    const server = await rawServer((socket) => {
      socket.write(`HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${[...text].map((one) => `1\r\n${one}\r\n`).join('')}0\r\n\r\n`);
    });
    expect(textOf(await callerWith().call({ url: server.url }))).toBe(text);
  });

  test('of exactly the limit is complete, and of one byte more is cut there', async () => {
    const server = await httpServer((request, response) =>
      response.end(Buffer.alloc(limits.resultBytes + Number(request.url?.slice(1)), 'x')),
    );
    const caller = callerWith();
    const [exact, more] = [
      responseOf(await caller.call({ url: `${server.url}0` })),
      responseOf(await caller.call({ url: `${server.url}1` })),
    ];
    expect([exact.body.byteLength, exact.truncated]).toEqual([limits.resultBytes, false]);
    expect([more.body.byteLength, more.truncated]).toEqual([limits.resultBytes, true]);
  });

  test('that never ends is cut at the limit, and its connection is closed', async () => {
    const server = await httpServer((_request, response) => {
      const more = () => {
        while (!response.destroyed && response.write(Buffer.alloc(16_384, 'x')));
        if (!response.destroyed) response.once('drain', more);
      };
      more();
      response.once('close', () => closed.resolve());
    });
    const closed = Promise.withResolvers<void>();
    const outcome = responseOf(await callerWith().call({ url: server.url }));
    expect([outcome.status, outcome.body.byteLength, outcome.truncated]).toEqual([200, limits.resultBytes, true]);
    await closed.promise;
  });

  test.each([
    ['HEAD', 200, 'content-length: 5\r\n'],
    ['POST', 204, ''],
    ['GET', 304, ''],
  ])('is empty for %s answered with %i', async (method, status, header) => {
    const server = await rawServer((socket) => socket.write(`HTTP/1.1 ${status} Fine\r\n${header}\r\n`));
    const outcome = responseOf(await callerWith().call({ url: server.url, method }));
    expect([outcome.status, outcome.body.byteLength, outcome.truncated]).toEqual([status, 0, false]);
  });

  test('belongs to the final answer: interim ones are passed over', async () => {
    const server = await rawServer((socket) =>
      socket.write(
        'HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\nok',
      ),
    );
    const outcome = await callerWith().call({ url: server.url });
    expect(responseOf(outcome)).toMatchObject({ status: 201, headers: { 'content-length': '2' } });
    expect(textOf(outcome)).toBe('ok');
  });
});
