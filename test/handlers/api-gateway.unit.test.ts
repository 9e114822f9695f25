import { describe, expect, test } from 'vitest';
import { sha256Digest } from '../../src/adapters/crypto/digest.ts';
import { refusedLiteral } from '../../src/adapters/http/public-address.ts';
import { LogUnavailable } from '../../src/application/log-unavailable.ts';
import { limits } from '../../src/domain/limits.ts';
import { accessOf } from '../../src/handlers/access.ts';
import { answerGateway } from '../../src/handlers/api-gateway.ts';
import { type Api, createApi } from '../../src/handlers/http/api.ts';
import type { HttpEvent, HttpResponse } from '../../src/handlers/http/http-types.ts';
import type { Access } from '../../src/handlers/http/middleware.ts';
import { documentation } from '../../src/handlers/http/openapi/documentation.ts';
import { createWorld } from '../support/application-world.ts';
import { MemoryReadModels } from '../support/memory-read-models.ts';

type Request = {
  readonly method?: string;
  readonly path?: string;
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  readonly isBase64Encoded?: boolean;
  readonly stage?: string;
  readonly claims?: Readonly<Record<string, unknown>>;
};

/** What API Gateway hands over, with more in it than is used. */
function gatewayEvent({ method = 'GET', path = '/', query = '', headers = {}, claims, stage = '$default', ...body }: Request) {
  return {
    version: '2.0',
    routeKey: '$default',
    rawPath: path,
    rawQueryString: query,
    headers: { host: 'api.example', ...headers },
    requestContext: {
      accountId: '1',
      http: { method, path, protocol: 'HTTP/1.1', sourceIp: '203.0.113.1', userAgent: 'test' },
      stage,
      ...(claims === undefined ? {} : { authorizer: { jwt: { claims, scopes: null } } }),
    },
    isBase64Encoded: false,
    ...body,
  };
}

/** An API that only notes what it is asked. */
function noting(answer: HttpResponse = { statusCode: 200, headers: { 'content-type': 'text/plain' }, body: 'answer' }) {
  const asked: HttpEvent[] = [];
  const api: Api = async (event) => {
    asked.push(event);
    return answer;
  };
  return { api, asked };
}

describe('a request from API Gateway', () => {
  test('reaches the API with the path as it came, lower-case header names and the query by the rules of the server', async () => {
    const { api, asked } = noting();

    await answerGateway(
      api,
      gatewayEvent({
        path: '/tasks/a/b c',
        query: 'label.x=1&status=a%2Cb&status=c&q=x+y',
        headers: { 'X-Upper': 'Value', 'if-match': '"1", "2"' },
      }),
    );

    expect(asked).toMatchObject([
      {
        path: '/tasks/a/b c',
        method: 'GET',
        headers: { 'x-upper': 'Value', 'if-match': '"1", "2"' },
      },
    ]);
    expect({ ...asked[0]?.query }).toEqual({ 'label.x': '1', status: 'a,b,c', q: 'x y' });
    expect(asked[0]).not.toHaveProperty('body');
  });

  test('does not decode a path a second time', async () => {
    const { api, asked } = noting();

    await answerGateway(api, gatewayEvent({ path: '/tasks/100%25' }));

    expect(asked[0]?.path).toBe('/tasks/100%25');
  });

  test('under a stage with a name loses that name, and no other part that looks like it', async () => {
    const { api, asked } = noting();

    for (const path of ['/prod/tasks', '/prod', '/product/tasks', '/tasks/prod'])
      await answerGateway(api, gatewayEvent({ path, stage: 'prod' }));
    await answerGateway(api, gatewayEvent({ path: '/$default/x' }));

    expect(asked.map(({ path }) => path)).toEqual(['/tasks', '/', '/product/tasks', '/tasks/prod', '/$default/x']);
  });

  test('brings its body as text when it is UTF-8, however it came, and otherwise in base64', async () => {
    const { api, asked } = noting();
    const bytes = Buffer.from([0xff, 0x00, 0xfe]);
    const base64 = (content: Buffer) => ({ body: content.toString('base64'), isBase64Encoded: true });

    for (const body of [{ body: '{"ü":1}' }, base64(Buffer.from('{"ü":1}')), base64(bytes), { body: '' }, base64(Buffer.alloc(0))]) {
      await answerGateway(api, gatewayEvent({ method: 'POST', ...body }));
    }

    expect(asked.map(({ body, isBase64Encoded }) => [body, isBase64Encoded])).toEqual([
      ['{"ü":1}', undefined],
      ['{"ü":1}', undefined],
      [bytes.toString('base64'), true],
      [undefined, undefined],
      [undefined, undefined],
    ]);
  });

  test('of more than the allowed bytes gets 413 before the API sees it, counted after base64 and in UTF-8', async () => {
    const { api, asked } = noting();
    const at = (bytes: number) => Buffer.alloc(bytes, 'x');
    const large = [
      { body: at(limits.requestBytes + 1).toString() },
      { body: 'ü'.repeat(limits.requestBytes / 2 + 1) },
      { body: at(limits.requestBytes + 1).toString('base64'), isBase64Encoded: true },
    ];

    for (const body of large) {
      const answered = await answerGateway(api, gatewayEvent({ method: 'POST', path: '/tasks', ...body }));
      expect(answered).toMatchObject({ statusCode: 413, headers: { 'content-type': 'application/problem+json' } });
      expect(JSON.parse(answered.body ?? '')).toMatchObject({
        status: 413,
        detail: `a request may have at most ${limits.requestBytes} bytes`,
      });
    }
    expect(asked).toEqual([]);
    const fits = await answerGateway(
      api,
      gatewayEvent({ method: 'POST', body: at(limits.requestBytes).toString('base64'), isBase64Encoded: true }),
    );
    expect(fits.statusCode).toBe(200);
  });

  test('that is none is refused', async () => {
    await expect(answerGateway(noting().api, { path: '/' })).rejects.toThrow();
  });

  test('is answered with what every answer carries, without a body for HEAD and 204', async () => {
    const answered = await answerGateway(noting().api, gatewayEvent({}));
    const head = await answerGateway(noting().api, gatewayEvent({ method: 'HEAD' }));
    const gone = await answerGateway(noting({ statusCode: 204, headers: {}, body: '' }).api, gatewayEvent({ method: 'DELETE' }));

    const headers = { 'content-type': 'text/plain', 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' };
    expect(answered).toEqual({ statusCode: 200, headers, body: 'answer' });
    expect(head).toEqual({ statusCode: 200, headers });
    expect(gone).not.toHaveProperty('body');
  });
});

/** The real API on ports in memory. */
function realApi(access: Access, views = new MemoryReadModels()) {
  const world = createWorld();
  const api = createApi({
    ...world.ports,
    log: world.log,
    views,
    input: { egress: 'public', refusedLiteral, runner: () => null },
    access,
    version: '1.2.3',
    documentation,
    events: 'unavailable',
    health: async () => ({ host: 'aws' }),
    feedLagMs: async () => 0,
  });
  const ask = async (request: Request) => {
    const { statusCode, body, headers } = await answerGateway(api, gatewayEvent(request));
    return { status: statusCode, headers, body: body?.startsWith('{') ? JSON.parse(body) : body };
  };
  return { ask, world };
}

const values = (auth: 'api-keys' | 'jwt' | 'open', keys: readonly string[] = []) => ({
  ERRAND_AUTH: auth,
  ERRAND_API_KEY_HASHES: keys.map((key) => Buffer.from(sha256Digest.sha256(key), 'base64url').toString('hex')),
});
const create = (parts: Request = {}): Request => ({
  method: 'POST',
  path: '/tasks',
  body: JSON.stringify({ request: { url: 'https://shop.example/orders' }, delay: '1h' }),
  ...parts,
  headers: { 'content-type': 'application/json', ...parts.headers },
});

describe('with API keys', () => {
  const { ask } = realApi(accessOf(values('api-keys', ['first-key', 'second-key'])));

  test.each(['first-key', 'second-key'])('%s, known by its SHA-256 in hex, is let in', async (key) => {
    expect((await ask({ path: '/tasks', headers: { authorization: `Bearer ${key}` } })).status).toBe(200);
  });

  test('another key, none, or the claims of some token are not', async () => {
    expect(await ask({ path: '/tasks', headers: { authorization: 'Bearer third-key' } })).toMatchObject({
      status: 401,
      headers: { 'www-authenticate': 'Bearer' },
    });
    expect((await ask({ path: '/tasks' })).status).toBe(401);
    expect((await ask({ path: '/tasks', claims: { sub: 'somebody' } })).status).toBe(401);
  });

  test('what is open stays open, and says which host answers', async () => {
    expect(await ask({ path: '/health' })).toMatchObject({ status: 200, body: { status: 'ok', host: 'aws', version: '1.2.3' } });
    expect((await ask({ path: '/openapi.json' })).status).toBe(200);
    expect((await ask({ method: 'POST', path: '/tasks/x/callback/no-token' })).status).toBe(404);
  });

  test('of which there are none, nobody is let in', async () => {
    const closed = realApi(accessOf(values('api-keys')));

    expect((await closed.ask({ path: '/tasks' })).status).toBe(401);
    expect((await closed.ask({ path: '/tasks', headers: { authorization: 'Bearer ' } })).status).toBe(401);
    expect((await closed.ask({ path: '/tasks', headers: { authorization: 'Bearer anything' } })).status).toBe(401);
    expect((await closed.ask(create())).status).toBe(401);
    expect((await closed.ask({ path: '/health' })).status).toBe(200);
  });
});

describe('with tokens that the gateway has checked', () => {
  test('whoever a token names is let in; without one only what is open answers', async () => {
    const { ask } = realApi(accessOf(values('jwt', ['a-key'])));

    expect((await ask(create({ claims: { sub: 'alice' } }))).status).toBe(201);
    expect((await ask(create())).status).toBe(401);
    expect((await ask(create({ headers: { authorization: 'Bearer a-key' } }))).status).toBe(401);
    expect((await ask({ path: '/health' })).status).toBe(200);
    expect((await ask({ method: 'POST', path: '/tasks/x/callback/no-token' })).status).toBe(404);
  });

  test.each([{}, { sub: '' }, { sub: 7 }])('a token with the claims %j names nobody', async (claims) => {
    const { ask } = realApi(accessOf(values('jwt')));

    expect(await ask(create({ claims }))).toMatchObject({ status: 401, body: { detail: 'send a token that says whose it is' } });
  });

  test('where no token is asked for, nobody can do more than answer for a task', async () => {
    const { ask } = realApi(accessOf(values('jwt')));

    expect((await ask({ method: 'POST', path: '/tasks/x/cancel' })).status).toBe(401);
    expect((await ask({ method: 'POST', path: '/tasks/x/callback/run' })).status).toBe(401);
    expect((await ask({ method: 'POST', path: '/tasks/x/callback/no-token/fail' })).status).toBe(404);
  });

  test('idempotency keys belong to the subject', async () => {
    const { ask } = realApi(accessOf(values('jwt')));
    const asSubject = async (sub: string) => ask(create({ claims: { sub }, headers: { 'idempotency-key': 'k' } }));

    const [first, again, other] = [await asSubject('alice'), await asSubject('alice'), await asSubject('bob')];

    expect([first.status, again.status, other.status]).toEqual([201, 200, 201]);
    expect(again.body.id).toBe(first.body.id);
    expect(other.body.id).not.toBe(first.body.id);
  });
});

describe('the API on AWS', () => {
  test('lets everybody in where the local harness asks for it', async () => {
    expect((await realApi(accessOf(values('open'))).ask(create())).status).toBe(201);
  });

  test('answers 503 with a hint when to come again while the log or the read models cannot be reached', async () => {
    const views = new MemoryReadModels();
    views.list = () => Promise.reject(new LogUnavailable('the read models could not be reached'));
    const { ask, world } = realApi({ to: 'everybody' }, views);
    world.log.load = () => Promise.reject(new Error('throttled'));

    for (const path of ['/tasks', '/tasks/x']) {
      expect(await ask({ path })).toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
    }
  });

  test('has no stream of events', async () => {
    expect((await realApi({ to: 'everybody' }).ask({ path: '/events' })).status).toBe(501);
  });
});
