import type { LookupFunction } from 'node:net';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { callerWith, closeAll, httpServer, textOf } from './servers.ts';

afterEach(closeAll);

const echo = () => httpServer((_request, response) => response.end('reached'));
/** A resolver that gives the next answer each time it is asked, and counts. */
function answering(...answers: readonly (readonly string[])[]): { readonly lookup: LookupFunction; asked: number } {
  const resolver = {
    asked: 0,
    lookup: ((_hostname, _options, callback) => {
      const answer = answers[Math.min(resolver.asked, answers.length - 1)] ?? [];
      resolver.asked += 1;
      callback(
        null,
        answer.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
      );
    }) satisfies LookupFunction,
  };
  return resolver;
}

describe('in mode public', () => {
  test.each([
    '127.0.0.1',
    '2130706433',
    '0x7f.1',
    '0177.0.0.1',
    '127.1',
    '0',
    '１２７.０.０.１',
    '127.0.0.1.',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    '[::1]',
    '[::]',
    '%31%32%37.0.0.1',
    '127。0。0。1',
    '①②⑦.⓪.⓪.①',
    '0x7f.0x0.0x0.0x1',
    '00000000177.0.0.1',
    '[0:0:0:0:0:ffff:127.0.0.1]',
    '[::ffff:0:127.0.0.1]',
    '[64:ff9b::127.0.0.1]',
    '[2002:7f00:1::]',
    'localhost',
    'ⓛⓞⓒⓐⓛⓗⓞⓢⓣ',
  ])('the literal host %s is not connected to', async (host) => {
    const server = await echo();
    expect(await callerWith({ egress: 'public' }).call({ url: `http://${host}:${server.port}/` })).toMatchObject({ kind: 'egress' });
    expect(server.seen.connections).toBe(0);
  });

  test.each([
    ['an own name before an @', 'http://example.com@127.0.0.1:PORT/'],
    ['an own name before an encoded @', 'http://example.com%40127.0.0.1:PORT/'],
    ['an own name after a backslash', 'http://127.0.0.1:PORT\\@example.com/'],
    ['an own name after a hash', 'http://127.0.0.1:PORT#@example.com/'],
    ['an own name after a question mark', 'http://127.0.0.1:PORT?@example.com/'],
    ['no slashes', 'http:127.0.0.1:PORT/'],
    ['backslashes', 'http:\\\\127.0.0.1:PORT/'],
    ['white space in it', ' h\tttp://127.0.0\n.1:PORT/ '],
    ['a zone', 'http://[fe80::1%25lo]:PORT/'],
    ['a zone that is not encoded', 'http://[::1%lo]:PORT/'],
    ['a NUL', 'http://127.0.0.1%00.example.com:PORT/'],
    ['a soft hyphen', 'http://127.0.0.1\u00ad:PORT/'],
    ['two dots', 'http://127..0.0.1:PORT/'],
    ['a number too large', 'http://4294967297:PORT/'],
  ])('an address that hides where it leads is not connected to: %s', async (_what, url) => {
    const server = await echo();
    // Whatever name it makes of it leads to this machine.
    const lookup: LookupFunction = (_hostname, _options, callback) => {
      callback(null, [{ address: '127.0.0.1', family: 4 }]);
    };
    const outcome = await callerWith({ egress: 'public', lookup }).call({ url: url.replace('PORT', String(server.port)) });
    expect(['egress', 'network']).toContain(outcome.kind);
    expect(server.seen.connections).toBe(0);
  });

  test.each([[['127.0.0.1']], [['::ffff:127.0.0.1', '::1']], [['10.0.0.1', '127.0.0.1']], [[]]])(
    'a name that resolves to %j is not connected to',
    async (addresses) => {
      const server = await echo();
      const { lookup } = answering(addresses);
      const caller = callerWith({ egress: 'public', lookup });
      for (const scheme of ['http', 'https']) {
        expect(await caller.call({ url: `${scheme}://name.test:${server.port}/` })).toMatchObject({
          kind: 'egress',
          message: expect.stringContaining('name.test'),
        });
      }
      expect(server.seen.connections).toBe(0);
    },
  );

  test('localhost is not connected to', async () => {
    const server = await echo();
    expect(await callerWith({ egress: 'public' }).call({ url: `http://localhost:${server.port}/` })).toMatchObject({ kind: 'egress' });
    expect(server.seen.connections).toBe(0);
  });

  // From here on 127.0.0.1 plays a public address and 127.0.0.2 a private one: a test must not call out.
  const allows = (address: string) => address === '127.0.0.1';

  test('a name that changes its answer between calls is judged each time it is connected to', async () => {
    const server = await httpServer((_request, response) => response.setHeader('connection', 'close').end('reached'));
    const resolver = answering(['127.0.0.1'], ['127.0.0.2']);
    const caller = callerWith({ egress: 'public', lookup: resolver.lookup, allows });
    const url = `http://rebinding.test:${server.port}/`;
    expect(textOf(await caller.call({ url }))).toBe('reached');
    expect(await caller.call({ url })).toMatchObject({ kind: 'egress' });
    expect(resolver.asked).toBe(2);
  });

  test('a name is resolved once for a connection: what was judged is what is connected to', async () => {
    const server = await echo();
    const resolver = answering(['127.0.0.1'], ['127.0.0.2']);
    const judged: string[] = [];
    const caller = callerWith({
      egress: 'public',
      lookup: resolver.lookup,
      allows: (address) => {
        judged.push(address);
        return allows(address);
      },
    });
    expect(textOf(await caller.call({ url: `http://rebinding.test:${server.port}/` }))).toBe('reached');
    expect(resolver.asked).toBe(1);
    // Once as an answer, once as the far end of the socket.
    expect(judged).toEqual(['127.0.0.1', '127.0.0.1']);
  });

  test('of several addresses only the allowed ones are connected to', async () => {
    const server = await echo();
    const { lookup } = answering(['127.0.0.2', '::1', '127.0.0.1']);
    expect(textOf(await callerWith({ egress: 'public', lookup, allows }).call({ url: `http://name.test:${server.port}/` }))).toBe(
      'reached',
    );
  });

  test('a socket whose far end turns out to be refused is closed before anything is written', async () => {
    const server = await echo();
    let verdicts = 0;
    const caller = callerWith({
      egress: 'public',
      lookup: answering(['127.0.0.1']).lookup,
      allows: () => {
        verdicts += 1;
        return verdicts === 1;
      },
    });
    expect(await caller.call({ url: `http://name.test:${server.port}/` })).toMatchObject({
      kind: 'egress',
      message: expect.stringContaining('127.0.0.1'),
    });
    expect([verdicts, server.seen.requests]).toEqual([2, 0]);
  });

  test('a redirect to a refused address is an answer, not a call', async () => {
    const inner = await echo();
    const server = await httpServer((_request, response) => response.writeHead(307, { location: inner.url }).end());
    const { lookup } = answering(['127.0.0.1']);
    const outcome = await callerWith({ egress: 'public', lookup, allows }).call({ url: `http://name.test:${server.port}/` });
    expect(outcome).toMatchObject({ kind: 'response', status: 307 });
    expect(inner.seen.connections).toBe(0);
  });
});

test('calls that connect at once to one name share one lookup, and each is still judged', async () => {
  const server = await echo();
  let asked = 0;
  let tell = (): void => undefined;
  const lookup: LookupFunction = (_hostname, _options, callback) => {
    asked += 1;
    tell = () => callback(null, [{ address: '127.0.0.1', family: 4 }]);
  };
  const judged: string[] = [];
  const allows = (address: string) => judged.push(address) > 0;
  const caller = callerWith({ egress: 'public', lookup, allows });
  const outcomes = Array.from({ length: 10 }, () => caller.call({ url: `http://name.test:${server.port}/` }));
  await vi.waitUntil(() => asked > 0);
  tell();
  expect((await Promise.all(outcomes)).map(textOf)).toEqual(Array.from({ length: 10 }, () => 'reached'));
  expect([asked, judged.length]).toEqual([1, 20]);
});

test('in mode any the same addresses are called', async () => {
  const server = await echo();
  const caller = callerWith({ lookup: answering(['127.0.0.1']).lookup });
  expect(textOf(await caller.call({ url: `http://127.1:${server.port}/` }))).toBe('reached');
  expect(textOf(await caller.call({ url: `http://name.test:${server.port}/` }))).toBe('reached');
});
