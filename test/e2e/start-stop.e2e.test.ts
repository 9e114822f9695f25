import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createClient } from './harness/client.ts';
import { type Environment, type Errand, startErrand, temporaryFolder } from './harness/errand.ts';
import { hostArguments, hostScript, runsHere } from './harness/host.ts';
import { runScript, type ScriptResult } from './harness/script.ts';
import { startTarget, type Target } from './harness/target.ts';
import { until } from './harness/until.ts';

/** What main.ts grants calls under way, and what a slow machine may take beside it. */
const stopLimitMs = 10_000;
const slackMs = 5_000;

let target: Target;
beforeAll(async () => {
  target = await startTarget();
});
afterAll(() => target.close());

const quickRetry = { backoff: 'fixed', initialDelay: '100ms', maxAttempts: 5 };
/** What a host says that does not start. */
const started = (environment: Environment): Promise<ScriptResult> => runScript(hostScript, hostArguments, environment);

async function historyOf(url: string, id: string): Promise<readonly string[]> {
  const client = createClient(url);
  const { body } = await client.get(client.path(id, '/events'));
  return body.events.map(({ type, data }: { type: string; data: { error?: { kind: string } } }) =>
    data.error === undefined ? type : `${type} ${data.error.kind}`,
  );
}

/** A target's answer that waits until it is let go. */
function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { opened: promise, open: resolve };
}

describe('starting', () => {
  test('a second process on the same data directory refuses clearly, and the first goes on', async () => {
    const errand = await startErrand();
    const client = createClient(errand.url);

    const second = await started({ ERRAND_DATA_DIR: errand.dataDir, PORT: '0' });

    expect(second).toMatchObject({ code: 1, stdout: '' });
    expect(second.stderr).toBe(
      `Errand cannot start: another process holds the data directory ${errand.dataDir}; stop it or choose another ERRAND_DATA_DIR\n`,
    );
    await client.post('/tasks', { id: 'still-here', request: { url: `${target.url}/still-here` } });
    expect(await client.taskFinished('still-here')).toMatchObject({ status: 'succeeded' });
    expect(await errand.stop()).toBe(0);
  });

  test('a port in use is a clear error, and the data directory is let go', async () => {
    const errand = await startErrand();
    const dataDir = temporaryFolder();
    const { port } = new URL(errand.url);

    const second = await started({ ERRAND_DATA_DIR: dataDir, PORT: port });

    expect(second).toMatchObject({ code: 1, stdout: '' });
    expect(second.stderr).toMatch(/^Errand cannot start: .*\b(?:in use|EADDRINUSE)\b.*\n$/);
    expect(second.stderr).toContain(port);
    const third = await startErrand({ dataDir });
    expect(await third.stop()).toBe(0);
    expect((await fetch(`${errand.url}/health`)).status).toBe(200);
    await errand.stop();
  });

  test.runIf(process.platform === 'linux')('has more threads than names that hang can take', async () => {
    const errand = await startErrand();
    const client = createClient(errand.url);
    // The pool is made when the first name is resolved.
    await client.post('/tasks', { id: 'named', request: { url: target.url.replace('127.0.0.1', 'localhost') } });
    await client.taskFinished('named');
    expect(readdirSync(`/proc/${errand.pid}/task`).length).toBeGreaterThan(64);
    await errand.stop();
  });

  test('says at once when asynchronous targets would be told an address that they cannot reach', async () => {
    const environment = { HOST: '0.0.0.0', ERRAND_API_KEYS: 'key-of-this-test' };
    const unreachable = await startErrand({ environment });
    // Standard error is a pipe of its own: what was written before the ready line may arrive after it.
    await unreachable.stop();
    expect(unreachable.stderr()).toContain('ERRAND_PUBLIC_URL');
    expect(unreachable.stderr().trim().split('\n')).toHaveLength(1);
    const reachable = await startErrand({ environment: { ...environment, ERRAND_PUBLIC_URL: 'https://errand.example' } });
    await reachable.stop();
    expect(reachable.stderr()).toBe('');
  });

  test.each([
    ['PORT', { PORT: '70000' }],
    ['ERRAND_EGRESS', { ERRAND_EGRESS: 'some' }],
    ['ERRAND_API_KEYS', { HOST: '0.0.0.0' }],
    ['ERRAND_API_KEYS', { ERRAND_API_KEYS: ' , ' }],
    ['ERRAND_SIGNING_SECRET', { ERRAND_SIGNING_SECRET: 'secret' }],
    ['ERRAND_SEALING_KEYS', { ERRAND_SEALING_KEYS: 'c2hvcnQ=' }],
  ])('an unusable setting is refused by its name: %s', async (name, environment) => {
    const refused = await started({ ERRAND_DATA_DIR: temporaryFolder(), PORT: '0', ...environment });

    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toMatch(/^Errand cannot start: .+\n$/);
    expect(refused.stderr).toContain(name);
  });
});

describe('an orderly stop', () => {
  test('lets calls under way finish and loses nothing', async () => {
    const errand = await startErrand();
    const client = createClient(errand.url);
    const { opened, open } = gate();
    target.on('/slow', async () => {
      await opened;
      return { body: 'finished' };
    });
    await client.post('/tasks', { id: 'slow', request: { url: `${target.url}/slow` } });
    await client.post('/tasks', { id: 'waiting', request: { url: `${target.url}/waiting` }, delay: '1h' });
    await target.received('/slow');

    const stopped = errand.stop();
    // Once it refuses connections or requests it is stopping; only then may the target answer.
    await refusing(errand.url);
    open();

    expect(await stopped).toBe(0);
    expect(errand.stderr()).toBe('');
    const again = await errand.restart();
    expect(await client.taskFinished('slow')).toMatchObject({ status: 'succeeded', attempt: 1, result: { body: 'finished' } });
    expect((await client.get('/tasks/waiting')).body).toMatchObject({ status: 'scheduled', version: 1 });
    expect(target.receipts('/slow')).toHaveLength(1);
    await again.stop();
  });

  test('leaves the callbacks of what ended meanwhile to the next start, which makes them at once', async () => {
    const errand = await startErrand();
    const client = createClient(errand.url);
    const { opened, open } = gate();
    target.on('/last', async () => {
      await opened;
      return { body: 'finished' };
    });
    await client.post('/tasks', { id: 'last', request: { url: `${target.url}/last` }, callback: { url: `${target.url}/told` } });
    await target.received('/last');

    const stopped = errand.stop();
    await refusing(errand.url);
    open();
    expect(await stopped).toBe(0);
    const again = await errand.restart();

    // Far sooner than the minute after which a lost callback is healed.
    await target.received('/told', 1, 10_000);
    await client.taskWhen('last', 'its callback is delivered', ({ callback }) => callback.status === 'delivered');
    await again.stop();
  });

  test.runIf(runsHere('server-sent events'))('is not held up by a client that has stopped reading events', async () => {
    const errand = await startErrand();
    const client = createClient(errand.url);
    const { opened, open } = gate();
    target.on('/last', async () => {
      await opened;
      return { body: 'finished' };
    });
    // More than the buffers of both ends take.
    const body = 'x'.repeat(4_096);
    const batch = { tasks: Array.from({ length: 100 }, () => ({ delay: '1h', request: { url: `${target.url}/never`, body } })) };
    for (let nth = 0; nth < 40; nth += 1) await client.post('/tasks/batch', batch);
    const { hostname, port } = new URL(errand.url);
    const reader = createConnection({ host: hostname, port: Number(port) }).on('error', () => undefined);
    reader.write(`GET /events?after=0 HTTP/1.1\r\nhost: ${hostname}\r\n\r\n`);
    await once(reader, 'readable');
    await client.post('/tasks', { id: 'last', request: { url: `${target.url}/last` } });
    await target.received('/last');

    const stopped = errand.stop();
    await refusing(errand.url);
    // Its end is committed while the server stops, and there is somebody who listens.
    open();

    expect(await stopped).toBe(0);
    expect(errand.stderr()).toBe('');
    reader.destroy();
    const again = await errand.restart();
    expect(await client.taskFinished('last')).toMatchObject({ status: 'succeeded', attempt: 1 });
    await again.stop();
  });

  test('a second signal ends it at once', async () => {
    const errand = await startErrand();
    const client = createClient(errand.url);
    target.on('/hangs', () => 'taken');
    await client.post('/tasks', { request: { url: `${target.url}/hangs` }, timeout: '5m' });
    await target.received('/hangs');

    const beganAt = performance.now();
    const stopped = errand.stop();
    await refusing(errand.url);
    process.kill(errand.pid, 'SIGINT');

    expect(await stopped).toBe(1);
    expect(performance.now() - beganAt).toBeLessThan(stopLimitMs / 2);
  });
});

/** Resolves once new requests are not taken any more. */
async function refusing(url: string): Promise<void> {
  for (;;) {
    const answer = await fetch(`${url}/health`, { headers: { connection: 'close' } }).catch(() => null);
    if (answer === null || answer.status === 503) return;
  }
}

describe('a restart', () => {
  test('keeps secrets, tasks and their statuses', async () => {
    const errand = await startErrand();
    const client = createClient(errand.url);
    target.on('/fails', () => ({ status: 404, body: 'nothing here' }));
    const url = `${target.url}/kept`;
    await client.post('/tasks', { id: 'succeeded', request: { url, body: { a: 1 } }, labels: { of: 'mine' } });
    await client.post('/tasks', { id: 'failed', request: { url: `${target.url}/fails` } });
    await client.post('/tasks', { id: 'scheduled', request: { url, headers: { authorization: 'Bearer kept' } }, delay: '1h' });
    await client.post('/tasks', { id: 'waiting', request: { url: `${target.url}/asks` }, strategy: 'async' });
    await client.post('/tasks', { id: 'cancelled', request: { url }, delay: '1h' });
    await client.post('/tasks/cancelled/cancel');
    await Promise.all(['succeeded', 'failed'].map((id) => client.taskFinished(id)));
    await client.taskWhen('waiting', 'waits', ({ status }) => status === 'waiting');
    const tasks = ['succeeded', 'failed', 'scheduled', 'waiting', 'cancelled'];
    const read = () => Promise.all(tasks.map(async (id) => (await client.get(client.path(id))).text));
    const before = await read();
    const secrets = () => ['signing-secret', 'sealing-keys', 'token-keys'].map((file) => readFileSync(join(errand.dataDir, file), 'utf8'));
    const secretsBefore = secrets();

    await errand.stop();
    const again = await errand.restart();

    expect(await read()).toEqual(before);
    expect(secrets()).toEqual(secretsBefore);
    const counts = { scheduled: 1, running: 0, waiting: 1, succeeded: 1, failed: 1, cancelled: 1 };
    await until(`counts of ${JSON.stringify(counts)}`, async () =>
      isDeepStrictEqual((await client.get('/stats')).body.counts, counts) ? true : undefined,
    );
    expect((await client.get('/tasks?label.of=mine')).body.tasks).toHaveLength(1);
    // The sealed header opens, and the token that was handed out before still answers.
    await client.post('/tasks/scheduled/run');
    expect((await client.taskFinished('scheduled')).status).toBe('succeeded');
    expect(target.receipts('/kept').at(-1)?.headers.authorization).toBe('Bearer kept');
    const answerTo = String(target.receipts('/asks')[0]?.headers['errand-callback-url']);
    expect((await fetch(answerTo, { method: 'POST', body: 'late, but here' })).status).toBe(200);
    expect(await client.taskFinished('waiting')).toMatchObject({ status: 'succeeded', result: { body: 'late, but here' } });
    await again.stop();
  });

  test.runIf(runsHere('recovery at the start'))(
    'after a kill fails the attempts that were running as interrupted, and tries them again',
    async () => {
      const errand = await startErrand();
      const client = createClient(errand.url);
      target.on('/killed', (_receipt, _response, nth) => (nth <= 3 ? 'taken' : undefined));
      const ids = ['killed-0', 'killed-1', 'killed-2'];
      for (const id of ids) await client.post('/tasks', { id, request: { url: `${target.url}/killed` }, timeout: '5m', retry: quickRetry });
      await target.received('/killed', 3);

      await errand.kill();
      const again = await errand.restart();

      for (const id of ids) {
        expect(await client.taskFinished(id)).toMatchObject({ status: 'succeeded', attempt: 2 });
        expect(await historyOf(again.url, id)).toEqual([
          'TaskScheduled',
          'TaskStarted',
          'TaskFailed interrupted',
          'TaskStarted',
          'TaskSucceeded',
        ]);
      }
      expect(target.receipts('/killed')).toHaveLength(6);
      await again.stop();
    },
  );
});

/** Side by side: nearly all of their time passes without anything to do. */
describe.concurrent('a stop, the time that passes, and a start', () => {
  test.runIf(runsHere('recovery at the start'))('interrupt a call that hangs when its time is over, and try it again', async () => {
    const errand = await startErrand();
    const client = createClient(errand.url);
    target.on('/hangs-once', (_receipt, _response, nth) => (nth === 1 ? 'taken' : undefined));
    await client.post('/tasks', { id: 'hangs', request: { url: `${target.url}/hangs-once` }, timeout: '5m', retry: quickRetry });
    await target.received('/hangs-once');

    const beganAt = performance.now();
    expect(await errand.stop()).toBe(0);
    expect(performance.now() - beganAt).toBeLessThan(stopLimitMs + slackMs);

    const again = await errand.restart();
    expect(await client.taskFinished('hangs')).toMatchObject({ status: 'succeeded', attempt: 2 });
    expect(await historyOf(again.url, 'hangs')).toEqual([
      'TaskScheduled',
      'TaskStarted',
      'TaskFailed interrupted',
      'TaskStarted',
      'TaskSucceeded',
    ]);
    expect(target.receipts('/hangs-once')).toHaveLength(2);
    await again.stop();
  });

  test('run what fell due meanwhile, and what is due later not before its time', async () => {
    const errand = await startErrand();
    const client = createClient(errand.url);
    const request = { url: `${target.url}/downtime` };
    // More than a second ahead: a wake that is nearer is waited for in place on AWS, and a function that is killed keeps it for minutes.
    const dueAt = Date.now() + 2_500;
    const laterAt = dueAt + 2_500;
    await client.post('/tasks', { id: 'overdue', request, runAt: dueAt });
    await client.post('/tasks', { id: 'due-later', request, runAt: laterAt });
    await errand.kill();
    await passed(dueAt);

    const again: Errand = await errand.restart();

    await Promise.all(['overdue', 'due-later'].map((id) => client.taskFinished(id)));
    const calledAt = Object.fromEntries(target.receipts('/downtime').map(({ at, headers }) => [headers['errand-task-id'], at]));
    expect(Object.keys(calledAt)).toHaveLength(2);
    expect(calledAt['overdue']).toBeGreaterThanOrEqual(dueAt);
    expect(calledAt['due-later']).toBeGreaterThanOrEqual(laterAt);
    await again.stop();
  });
});

/** Waits for a moment: it is the passing of time itself that these tests are about. At most a few seconds. */
function passed(time: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, time - Date.now() + 1);
  });
}
