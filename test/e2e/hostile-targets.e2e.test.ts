import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ApiAnswer, type Client, createClient } from './harness/client.ts';
import { type Errand, startErrand } from './harness/errand.ts';

let errand: Errand;
let client: Client;
let restingMiB = 0;
const servers: Server[] = [];
const sockets = new Set<Socket>();

beforeAll(async () => {
  errand = await startErrand();
  client = createClient(errand.url);
  // Warm: what the first tasks need is not growth.
  const small = await targetOf((socket) => socket.write(`${ok}content-length: 0\r\n\r\n`));
  await Promise.all(Array.from({ length: 100 }, () => outcomeOf(small, { timeout: '20s' })));
  restingMiB = residentMiB();
});
afterAll(async () => {
  await errand.stop();
  for (const socket of sockets) socket.destroy();
  for (const server of servers) server.close();
});

/** A target that answers each request with bytes of its own making. */
async function targetOf(answer: (socket: Socket, nth: number) => void): Promise<string> {
  let requests = 0;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
    socket.on('data', () => {
      requests += 1;
      answer(socket, requests);
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

/** Writes the same piece again and again, as fast as it is taken, until nobody listens any more. */
function flood(socket: Socket, piece: string): void {
  const bytes = Buffer.from(piece.repeat(Math.ceil(65_536 / piece.length)), 'latin1');
  const more = (): void => {
    while (!socket.destroyed && socket.write(bytes));
    if (!socket.destroyed) socket.once('drain', more);
  };
  more();
}

const resultKept = 256 * 1_024;
const once = { maxAttempts: 1 };
let tasks = 0;

async function outcomeOf(url: string, more: object = {}): Promise<ApiAnswer['body']> {
  tasks += 1;
  const id = `hostile-${tasks}`;
  const created = await client.post('/tasks', { id, request: { url, method: 'GET' }, timeout: '1s', retry: once, ...more });
  expect(created.status, created.text).toBe(201);
  return client.taskFinished(id, 20_000);
}

function residentMiB(): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${errand.pid}/status`, 'utf8'))?.[1]) / 1_024;
}

const ok = 'HTTP/1.1 200 OK\r\n';
const network = { status: 'failed', error: { kind: 'network' }, result: null };
const timeout = { status: 'failed', error: { kind: 'timeout' }, result: null };
const cut = { status: 'succeeded', result: { status: 200, truncated: true } };

/** What is sent first, what is sent without an end after it, and what becomes of the attempt. */
const endless: readonly (readonly [string, string, string, object])[] = [
  ['a body in chunks', `${ok}transfer-encoding: chunked\r\n\r\n`, `4000\r\n${'x'.repeat(0x4000)}\r\n`, cut],
  ['a body in chunks of one byte', `${ok}transfer-encoding: chunked\r\n\r\n`, '1\r\nx\r\n', cut],
  ['a body of a length beyond memory', `${ok}content-length: 1000000000000000\r\n\r\n`, 'x', cut],
  ['a body without a length', `${ok}\r\n`, 'x', cut],
  ['headers', ok, 'x-a: b\r\n', network],
  ['one header value', `${ok}x-a: `, 'x', network],
  ['one header name', ok, 'x', network],
  ['a reason', 'HTTP/1.1 200 ', 'x', timeout],
  ['interim answers', '', 'HTTP/1.1 103 Early Hints\r\n\r\n', network],
  ['interim answers with large headers', '', `HTTP/1.1 102 Processing\r\nx-a: ${'x'.repeat(60_000)}\r\n\r\n`, network],
  ['the extension of a chunk', `${ok}transfer-encoding: chunked\r\n\r\n1;`, 'x', timeout],
  ['trailers', `${ok}transfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n`, 'x-a: b\r\n', network],
  ['line ends before the answer', '', '\r\n', timeout],
];

describe('a target that sends something without an end', () => {
  test.concurrent.each(endless)('ends the attempt as it should: %s', async (_what, first, piece, outcome) => {
    const url = await targetOf((socket) => {
      socket.write(first);
      flood(socket, piece);
    });
    // Only what has no other end needs the deadline, which is long for the others: the machine may be busy.
    const task = await outcomeOf(url, outcome === timeout ? {} : { timeout: '15s' });
    expect(task).toMatchObject(outcome);
    expect(task.attempt).toBe(1);
    if (task.result !== null) expect(Buffer.from(task.result.body, task.result.encoding).length).toBe(resultKept);
  });

  /** Each sends hundreds of megabytes in its time; what was seen of a hundred at once is 127 MiB. */
  test('costs no memory by what it sends, forty of them at once', async () => {
    let most = residentMiB();
    const watch = setInterval(() => {
      most = Math.max(most, residentMiB());
    }, 50);
    const kinds = await Promise.all(
      endless.map(([, first, piece]) =>
        targetOf((socket) => {
          socket.write(first);
          flood(socket, piece);
        }),
      ),
    );
    const outcomes = await Promise.all(
      Array.from({ length: 40 }, (_, index) => outcomeOf(kinds[index % kinds.length] ?? '', { timeout: '1s' })),
    );
    clearInterval(watch);
    expect(outcomes.map(({ status }) => status).every((status) => status === 'failed' || status === 'succeeded')).toBe(true);
    expect(most - restingMiB).toBeLessThan(300);
    expect((await client.get('/health')).status).toBe(200);
  });
});

describe('a target that lies about what it sends', () => {
  const wrong: readonly (readonly [string, string])[] = [
    ['two lengths', `${ok}content-length: 2\r\ncontent-length: 5\r\n\r\nhello`],
    ['a list of lengths', `${ok}content-length: 2, 5\r\n\r\nhello`],
    ['a negative length', `${ok}content-length: -1\r\n\r\nhello`],
    ['a length in hex', `${ok}content-length: 0x5\r\n\r\nhello`],
    ['a length beyond numbers', `${ok}content-length: 99999999999999999999999\r\n\r\nhello`],
    ['a length and chunks', `${ok}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`],
    ['chunks of a size that is none', `${ok}transfer-encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n`],
    ['a header with a NUL', `${ok}x-a: \0\r\ncontent-length: 0\r\n\r\n`],
    ['a header with a bare carriage return', `${ok}x-a: a\rx-b: c\r\ncontent-length: 0\r\n\r\n`],
    ['no headers at all, as HTTP/0.9 did', 'hello'],
    ['a version that is none', 'HTTP/9.9 200 OK\r\n\r\n'],
    ['a status that is none', 'HTTP/1.1 0 OK\r\ncontent-length: 0\r\n\r\n'],
    ['a protocol that nobody asked for', 'HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n'],
  ];
  test.concurrent.each(wrong)('fails the attempt: %s', async (_what, bytes) => {
    expect(await outcomeOf(await targetOf((socket) => socket.end(bytes, 'latin1')))).toMatchObject(network);
  });

  test.concurrent('does not answer for the next task with what it sent too much', async () => {
    const url = await targetOf((socket, nth) => {
      const body = `answer ${nth}`;
      socket.write(`${ok}content-length: ${body.length}\r\n\r\n${body}${ok}content-length: 8\r\n\r\npoisoned`);
    });
    for (let round = 0; round < 5; round += 1) {
      const { status, result } = await outcomeOf(url);
      if (status === 'succeeded') expect(result.body).toMatch(/^answer \d+$/);
    }
  });
});

describe('a body', () => {
  test.concurrent('that would unpack to a gigabyte is kept as it came', async () => {
    const bomb = gzipSync(Buffer.alloc(100 * 1_024 * 1_024));
    const head = `${ok}content-encoding: gzip\r\ncontent-type: application/json\r\ncontent-length: ${bomb.length}\r\n\r\n`;
    const { status, result } = await outcomeOf(await targetOf((socket) => socket.write(Buffer.concat([Buffer.from(head), bomb]))));
    expect([status, result.encoding, result.truncated]).toEqual(['succeeded', 'base64', false]);
    expect(Buffer.from(result.body, 'base64').equals(bomb)).toBe(true);
  });

  test.concurrent('that is no UTF-8, though it says so, comes in base64', async () => {
    const bytes = Buffer.from([0x7b, 0x22, 0xc3, 0x28, 0x22, 0x7d]);
    const head = `${ok}content-type: application/json; charset=utf-8\r\ncontent-length: ${bytes.length}\r\n\r\n`;
    const { status, result } = await outcomeOf(await targetOf((socket) => socket.write(Buffer.concat([Buffer.from(head), bytes]))));
    expect([status, result.encoding, result.body]).toEqual(['succeeded', 'base64', bytes.toString('base64')]);
  });

  test.concurrent('of JSON that is nested without measure is only bytes', async () => {
    const deep = '['.repeat(200_000);
    const head = `${ok}content-type: application/json\r\ncontent-length: ${deep.length}\r\n\r\n`;
    const task = await outcomeOf(await targetOf((socket) => socket.write(head + deep)));
    expect([task.status, task.result.body.length]).toEqual(['succeeded', deep.length]);
  });
});

test('many small headers are kept up to the limit', async () => {
  const headers = Array.from({ length: 3_000 }, (_, index) => `x-${index}: ${index}\r\n`).join('');
  const { status, result } = await outcomeOf(await targetOf((socket) => socket.write(`${ok}${headers}content-length: 0\r\n\r\n`)));
  expect(status).toBe('succeeded');
  expect(JSON.stringify(result.headers).length).toBeLessThan(32 * 1_024);
});

test('and nothing of it was an error of ours', async () => {
  expect((await client.get('/health')).body.status).toBe('ok');
  expect(errand.stderr()).toBe('');
});
