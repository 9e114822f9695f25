import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { createConnection, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Client, createClient } from './harness/client.ts';
import { type Errand, startErrand } from './harness/errand.ts';
import { connectRaw, exchangeRaw, type RawConnection } from './harness/raw-socket.ts';
import { startTarget, type Target } from './harness/target.ts';
import { until } from './harness/until.ts';

let errand: Errand;
let target: Target;
let client: Client;
let restingMiB: number;
/** Opened before everything else, so that all that follows happens beside them. */
let slow: {
  readonly headers: readonly RawConnection[];
  readonly bodies: readonly RawConnection[];
  readonly silent: readonly RawConnection[];
};
const sockets: { destroy(): void }[] = [];

const MiB = 1_024 * 1_024;

function residentMiB(): number {
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${errand.pid}/status`, 'utf8'))?.[1];
  return Number(kib) / 1_024;
}

beforeAll(async () => {
  [errand, target] = await Promise.all([startErrand(), startTarget()]);
  client = createClient(errand.url);
  // Warm: what the first requests need is not growth.
  const warm = Array.from({ length: 100 }, (_, index) => ({ id: `warm-${index}`, request: { url: `${target.url}/warm` } }));
  await client.post('/tasks/batch', { tasks: warm });
  await target.received('/warm', 100);
  restingMiB = residentMiB();
  const several = async (count: number, bytes: string): Promise<RawConnection[]> =>
    Promise.all(
      Array.from({ length: count }, async () => {
        const connection = await connectRaw(errand.url);
        sockets.push(connection);
        if (bytes !== '') connection.write(bytes);
        return connection;
      }),
    );
  slow = {
    headers: await several(250, 'GET /health HTTP/1.1\r\nhost: localhost\r\nx-slow: '),
    bodies: await several(
      250,
      'POST /tasks HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{"id":',
    ),
    silent: await several(100, ''),
  };
});
afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  await errand.stop();
  await target.close();
});

let worked = 0;
/** The process is there, answers soon, and still runs tasks. */
async function expectWorking(): Promise<void> {
  const begun = performance.now();
  expect((await client.get('/health')).body.status).toBe('ok');
  worked += 1;
  const id = `works-${worked}`;
  expect((await client.post('/tasks', { id, request: { url: `${target.url}/works` } })).status).toBe(201);
  expect((await client.taskFinished(id)).status).toBe('succeeded');
  expect(performance.now() - begun).toBeLessThan(5_000);
}

/**
 * What may be buffered of bodies at once (256 MiB) and what the runtime keeps before it collects: far below the gigabytes that these
 * clients send, and above what was seen (404 MiB once, on a loaded machine).
 */
const growthMiB = 512;

function expectBounded(): void {
  expect(residentMiB() - restingMiB).toBeLessThan(growthMiB);
}

/** Sends a body piece by piece, as fast as it is taken, and resolves with the answer's status, or with what broke. */
function upload(bytes: number, headers: Record<string, string | number>): Promise<number | string> {
  const piece = Buffer.alloc(64 * 1_024, 0x20);
  const pieces = Array.from({ length: Math.ceil(bytes / piece.length) }, () => piece);
  return new Promise((resolve) => {
    const sent = httpRequest(`${errand.url}/tasks`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      agent: false,
    });
    sockets.push(sent);
    sent.on('response', (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
      response.on('error', () => resolve(response.statusCode ?? 0));
    });
    sent.on('error', (error) => resolve(error.message));
    Readable.from(pieces).pipe(sent);
  });
}

/** Asks for /health again and again while something else goes on; gives the longest wait. */
async function longestWaitDuring(work: Promise<unknown>): Promise<number> {
  let isOver = false;
  let longest = 0;
  const over = work.finally(() => {
    isOver = true;
  });
  do {
    const begun = performance.now();
    expect((await client.get('/health')).status).toBe(200);
    longest = Math.max(longest, performance.now() - begun);
  } while (!isOver);
  await over;
  return longest;
}

describe('large bodies', () => {
  test('ten of 100 MB at once are refused while others are served', async () => {
    const bytes = 1_600 * 64 * 1_024;
    const uploads = Promise.all([
      ...Array.from({ length: 5 }, () => upload(bytes, { 'content-length': bytes })),
      ...Array.from({ length: 5 }, () => upload(bytes, { 'transfer-encoding': 'chunked' })),
    ]);
    expect(await longestWaitDuring(uploads)).toBeLessThan(3_000);
    expect(await uploads).toEqual(Array(10).fill(413));
    expectBounded();
    await expectWorking();
  });

  test('a hundred that each stop short of the limit are turned away when they are too many together', async () => {
    const almost = Buffer.alloc(4 * MiB - 1_024, 0x20);
    const head = `POST /tasks HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${4 * MiB}\r\n\r\n`;
    const connections = await Promise.all(Array.from({ length: 100 }, () => connectRaw(errand.url)));
    for (const connection of connections) {
      connection.write(head);
      connection.write(almost);
    }
    await until('some to be turned away', () => (connections.some((connection) => connection.text().includes(' 503 ')) ? true : undefined));
    await expectWorking();
    expectBounded();
    const refused = connections.filter((connection) => connection.text().includes(' 503 '));
    const [answer] = (await refused[0]?.answers()) ?? [];
    expect(answer?.headers).toMatchObject({ 'content-type': 'application/problem+json', 'retry-after': '1' });
    for (const connection of connections) connection.destroy();
    await expectWorking();
  });
});

describe('clients that do not read', () => {
  test('cost no more than their answers', async () => {
    const body = 'x'.repeat(250_000);
    await client.post('/tasks', { id: 'large', delay: '1h', request: { url: target.url, body } });
    const { hostname, port } = new URL(errand.url);
    const deaf = Array.from({ length: 100 }, (): Socket => {
      const socket = createConnection({ host: hostname, port: Number(port) }).pause();
      socket.on('error', () => undefined);
      socket.write('GET /tasks/large HTTP/1.1\r\nhost: localhost\r\n\r\n'.repeat(5));
      socket.write('GET /events?after=0 HTTP/1.1\r\nhost: localhost\r\n\r\n');
      sockets.push(socket);
      return socket;
    });
    await expectWorking();
    expectBounded();
    for (const socket of deaf) socket.destroy();
    await expectWorking();
  });
});

describe('broken connections', () => {
  test('a client that has closed its half is answered all the same', async () => {
    const connection = await connectRaw(errand.url);
    connection.write('GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n');
    connection.end();
    const [answer] = await connection.answers();
    expect(answer?.status).toBe(200);
    await connection.closed();
  });

  test('a thousand that vanish at any point do no harm', async () => {
    const text = JSON.stringify({ delay: '1h', request: { url: target.url } });
    const whole = `POST /tasks HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${text.length}\r\n\r\n${text}`;
    for (let round = 0; round < 10; round += 1) {
      const connections = await Promise.all(Array.from({ length: 100 }, () => connectRaw(errand.url)));
      for (const [index, connection] of connections.entries()) connection.write(whole.slice(0, Math.ceil((whole.length * index) / 99)));
      for (const [index, connection] of connections.entries()) {
        if (index % 2 === 0) connection.destroy();
        else connection.end();
      }
      for (const connection of connections) sockets.push(connection);
    }
    await expectWorking();
    expectBounded();
  });
});

describe('what is not HTTP', () => {
  const garbage: readonly (readonly [string, string | Uint8Array])[] = [
    ['a TLS greeting', Buffer.from('16030100dc010000d80303', 'hex')],
    ['zeros', Buffer.alloc(10_000)],
    ['random bytes', randomBytes(10_000)],
    ['bytes with the high bit set', Buffer.alloc(100, 0xff)],
    ['another protocol', 'EHLO example.com\r\n'],
    ['HTTP/2 without asking', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['a version that is none', 'GET / HTTP/9.9\r\nhost: localhost\r\n\r\n'],
    ['no path', 'GET\r\n\r\n'],
    ['a path with spaces', 'GET /tasks/a b HTTP/1.1\r\nhost: localhost\r\n\r\n'],
    ['a path with a NUL', 'GET /tasks/\u0000 HTTP/1.1\r\nhost: localhost\r\n\r\n'],
    ['a header without a colon', 'GET /health HTTP/1.1\r\nhost: localhost\r\nnonsense\r\n\r\n'],
    ['a header name with a space', 'GET /health HTTP/1.1\r\nhost: localhost\r\nx a: b\r\n\r\n'],
    ['a header with a NUL', 'GET /health HTTP/1.1\r\nhost: localhost\r\nx-a: \u0000\r\n\r\n'],
    ['a chunk size that is none', 'POST /tasks HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n'],
    ['a chunk size beyond numbers', `POST /tasks HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n${'f'.repeat(17)}\r\n`],
  ];
  test.each(garbage)('is answered with 400, in our form, and let go: %s', async (_what, bytes) => {
    const connection = await connectRaw(errand.url);
    connection.write(bytes);
    const [answer] = await connection.answers();
    expect(answer?.status).toBe(400);
    expect(answer?.headers['content-type']).toBe('application/problem+json');
    expect(JSON.parse(answer?.body ?? '')).toMatchObject({ type: 'about:blank', title: 'Bad request', status: 400 });
    await connection.closed();
  });

  test('requests that HTTP itself forbids are told why', async () => {
    const noHost = await exchangeRaw(errand.url, 'GET /health HTTP/1.1\r\n\r\n');
    expect(noHost.status).toBe(400);
    expect(JSON.parse(noHost.body).detail).toContain('Host');
    // Whoever stands in front may have gone by the other one.
    for (const other of ['localhost', 'evil.example', '']) {
      const twoHosts = await exchangeRaw(errand.url, `GET /health HTTP/1.1\r\nhost: localhost\r\nhost: ${other}\r\n\r\n`);
      expect(twoHosts.status).toBe(400);
      expect(JSON.parse(twoHosts.body).detail).toContain('Host');
    }
    const expectation = await exchangeRaw(
      errand.url,
      'POST /tasks HTTP/1.1\r\nhost: localhost\r\nexpect: a-miracle\r\ncontent-length: 2\r\n\r\n{}',
    );
    expect(expectation.status).toBe(417);
    expect(JSON.parse(expectation.body)).toMatchObject({ status: 417, title: 'Expectation failed' });
  });

  test('an upgrade that is not offered is ignored', async () => {
    const upgrade = 'GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n';
    expect((await exchangeRaw(errand.url, upgrade)).status).toBe(200);
  });

  const huge: readonly (readonly [string, string])[] = [
    ['one header of 20 KB', `x-a: ${'x'.repeat(20_000)}\r\n`],
    ['one header of 1 MB', `x-a: ${'x'.repeat(1_000_000)}\r\n`],
    ['20,000 headers', Array.from({ length: 20_000 }, (_, index) => `x-${index}: y\r\n`).join('')],
    ['a header name of 20 KB', `${'x'.repeat(20_000)}: y\r\n`],
  ];
  test.each(huge)('headers too large are refused with 431: %s', async (_what, headers) => {
    const answer = await exchangeRaw(errand.url, `GET /health HTTP/1.1\r\nhost: localhost\r\n${headers}\r\n`);
    expect(answer.status).toBe(431);
    expect(answer.headers['content-type']).toBe('application/problem+json');
    expect(JSON.parse(answer.body)).toMatchObject({ status: 431, title: 'Request header fields too large' });
  });

  test('a path too long is refused', async () => {
    const answer = await exchangeRaw(errand.url, `GET /tasks/${'x'.repeat(100_000)} HTTP/1.1\r\nhost: localhost\r\n\r\n`);
    expect([400, 404, 414, 431]).toContain(answer.status);
    expect(answer.headers['content-type']).toBe('application/problem+json');
  });

  test('and the process works on', async () => {
    await expectWorking();
    expectBounded();
  });
});

describe('pipelined requests', () => {
  test('are answered in their order', async () => {
    const connection = await connectRaw(errand.url);
    const paths = Array.from({ length: 50 }, (_, index) => (index % 2 === 0 ? `/tasks/warm-${index}/status` : `/tasks/nobody-${index}`));
    connection.write(paths.map((path) => `GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`).join(''));
    const answers = await connection.answers(50);
    for (const [index, { status, body }] of answers.entries()) {
      expect(status).toBe(index % 2 === 0 ? 200 : 404);
      if (index % 2 === 0) expect(JSON.parse(body).id).toBe(`warm-${index}`);
    }
    connection.destroy();
  });

  test('that change something see what went before', async () => {
    const connection = await connectRaw(errand.url);
    const body = JSON.stringify({ id: 'piped', delay: '1h', request: { url: target.url } });
    const post = `POST /tasks HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
    const line = (method: string, path: string, content = '') =>
      `${method} ${path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${content.length}\r\n\r\n${content}`;
    connection.write(
      [
        post,
        post,
        line('GET', '/tasks/piped'),
        line('PATCH', '/tasks/piped', '{"delay":"2h"}'),
        line('POST', '/tasks/piped/cancel'),
        line('GET', '/tasks/piped/status'),
        line('DELETE', '/tasks/piped'),
        line('GET', '/tasks/piped'),
      ].join(''),
    );
    const answers = await connection.answers(8);
    expect(answers.map(({ status }) => status)).toEqual([201, 200, 200, 200, 200, 200, 204, 404]);
    expect(JSON.parse(answers[5]?.body ?? '').status).toBe('cancelled');
    connection.destroy();
  });

  test('behind one that is refused are not carried out', async () => {
    const hidden = JSON.stringify({ id: 'hidden', delay: '1h', request: { url: target.url } });
    const post = `POST /tasks HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${hidden.length}\r\n\r\n${hidden}`;
    const padding = ' '.repeat(5 * MiB);
    const connection = await connectRaw(errand.url);
    connection.write(`POST /tasks HTTP/1.1\r\nhost: localhost\r\ncontent-length: ${padding.length}\r\n\r\n${padding}${post}`);
    expect((await connection.answers(1))[0]?.status).toBe(413);
    await connection.closed();
    expect((await client.get('/tasks/hidden')).status).toBe(404);
  });
});

describe('requests made to be read in two ways', () => {
  const inner = JSON.stringify({ id: 'smuggled', delay: '1h', request: { url: 'http://127.0.0.1:9/' } });
  const smuggled = `POST /tasks HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${inner.length}\r\n\r\n${inner}`;
  const head = 'POST /tasks/nobody/cancel HTTP/1.1\r\nhost: localhost\r\n';
  const chunkedEnd = '0\r\n\r\n';
  const attempts: readonly (readonly [string, string])[] = [
    ['both lengths', `${head}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n${chunkedEnd}${smuggled}`],
    ['both lengths, the other way round', `${head}transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n${chunkedEnd}${smuggled}`],
    ['two content lengths', `${head}content-length: 0\r\ncontent-length: ${smuggled.length}\r\n\r\n${smuggled}`],
    ['a list of content lengths', `${head}content-length: 0, ${smuggled.length}\r\n\r\n${smuggled}`],
    ['a negative content length', `${head}content-length: -1\r\n\r\n${smuggled}`],
    ['a content length with a sign', `${head}content-length: +0\r\n\r\n${smuggled}`],
    ['a content length in hex', `${head}content-length: 0x0\r\n\r\n${smuggled}`],
    ['an unknown transfer encoding', `${head}transfer-encoding: xchunked\r\n\r\n${chunkedEnd}${smuggled}`],
    ['chunked that is not last', `${head}transfer-encoding: chunked, identity\r\n\r\n${chunkedEnd}${smuggled}`],
    ['chunked after a tab', `${head}transfer-encoding:\u000bchunked\r\n\r\n${chunkedEnd}${smuggled}`],
    ['a space before the colon', `${head}transfer-encoding : chunked\r\ncontent-length: 0\r\n\r\n${smuggled}`],
    ['a folded header', `${head}x-a: b\r\n transfer-encoding: chunked\r\ncontent-length: 0\r\nx y: z\r\n\r\n${smuggled}`],
    ['a bare carriage return', `${head}x-a: b\rcontent-length: 5\r\n\r\n${chunkedEnd}${smuggled}`],
    ['a chunk longer than said', `${head}transfer-encoding: chunked\r\n\r\n1\r\nab\r\n${chunkedEnd}${smuggled}`],
    ['a folded transfer encoding', `${head}content-length: 0\r\ntransfer-encoding:\r\n chunked\r\n\r\n${smuggled}`],
    ['two transfer encodings', `${head}transfer-encoding: identity\r\ntransfer-encoding: chunked\r\ncontent-length: 0\r\n\r\n${smuggled}`],
    ['chunked twice', `${head}transfer-encoding: chunked, chunked\r\n\r\n1\r\n${chunkedEnd}${smuggled}`],
    ['chunked in quotes', `${head}transfer-encoding: "chunked"\r\ncontent-length: 0\r\n\r\n${smuggled}`],
    ['a content length with white space in it', `${head}content-length: 0 ${smuggled.length}\r\n\r\n${smuggled}`],
    ['a content length with an underscore', `${head}content-length: 0_0\r\n\r\n${smuggled}`],
    ['a content length beyond numbers', `${head}content-length: 18446744073709551616\r\n\r\n${smuggled}`],
    ['a header name with a NUL', `${head}content-length\u0000: 5\r\n\r\n${smuggled}`],
    ['lines that end in line feeds alone', `POST /tasks/nobody/cancel HTTP/1.1\nhost: localhost\n\n${smuggled}`],
    [
      'chunked in HTTP/1.0, with a length',
      `${head.replace('1.1', '1.0')}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n${chunkedEnd}${smuggled}`,
    ],
    [
      'a chunk extension without an end',
      `${head}transfer-encoding: chunked\r\n\r\n1;${'x'.repeat(20_000)}\r\na\r\n${chunkedEnd}${smuggled}`,
    ],
    ['a chunk size with a sign', `${head}transfer-encoding: chunked\r\n\r\n-1\r\n${chunkedEnd}${smuggled}`],
    ['a chunk size in hex with its prefix', `${head}transfer-encoding: chunked\r\n\r\n0x0\r\n\r\n${smuggled}`],
    ['a chunk size with a bare line feed', `${head}transfer-encoding: chunked\r\n\r\n0\n\n${smuggled}`],
  ];
  test.each(attempts)('are refused, and what is behind them is never run: %s', async (_what, bytes) => {
    const connection = await connectRaw(errand.url);
    connection.write(bytes);
    await connection.closed();
    const statuses = [...connection.text().matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
    // A body that breaks off comes after a head that may have been answered.
    expect(statuses.filter((status) => status !== 404)).toEqual([400]);
    expect((await client.get('/tasks/smuggled')).status).toBe(404);
  });

  test('leave the process working', () => expectWorking());
});

describe('slow clients', () => {
  test('hundreds of them have held nobody up, and those without headers are let go', async () => {
    await expectWorking();
    const { headers, bodies } = slow;
    await until(
      'the end of all that sent no headers',
      () => (headers.every((connection) => connection.isClosed()) ? true : undefined),
      20_000,
    );
    for (const connection of headers) {
      const [answer] = await connection.answers();
      expect(answer?.status).toBe(408);
      expect(answer?.headers['content-type']).toBe('application/problem+json');
    }
    // A body has a minute. Those that go on in time are served as ever.
    expect(bodies.every((connection) => !connection.isClosed())).toBe(true);
    const [late] = bodies;
    const rest = '"late","delay":"1h","request":{"url":"http://127.0.0.1:9/"}}';
    late?.write(rest + ' '.repeat(1_000 - '{"id":'.length - rest.length));
    expect((await late?.answers())?.[0]?.status).toBe(201);
    await expectWorking();
    expectBounded();
    expect(errand.stderr()).toBe('');
  });
});
