import { once } from 'node:events';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bundled, type Packaging, packageService, runAlone } from './bundles.ts';

const KiB = 1_024;
const mostBytes = 450 * KiB;
/**
 * Those who call targets carry undici's client and its parser, a WebAssembly module: about 180 KiB that cannot be left out, as the guard
 * of egress sits in the connection.
 */
const mostBytesOfCallers = 600 * KiB;
/** Those who look at streams of every kind know schedules and orchestrations as well, and with croner the days of cron expressions. */
const mostBytesOfWakes = 700 * KiB;
/** The API takes schedules and orchestrations, and finds their times. */
const mostBytesOfApi = 560 * KiB;
const callers = new Set(['callback']);
const api = new Set(['commands', 'queries']);
const wakes = new Set(['wake', 'wakeLong']);

function mostBytesOf(name: string): number {
  if (wakes.has(name)) return mostBytesOfWakes;
  if (api.has(name)) return mostBytesOfApi;
  return callers.has(name) ? mostBytesOfCallers : mostBytes;
}

/**
 * Of processor time, which other work on the machine stretches far less than time by the clock, and which is never less than that while
 * nothing is waited for. The smallest of five: noise only adds.
 */
const mostImportMs = 150;
const imports = 5;

let packaging: Packaging;
beforeAll(async () => {
  packaging = await packageService();
}, 120_000);
afterAll(() => packaging?.remove());

/** What it takes to load a module in a fresh process, in milliseconds of processor time. */
async function importMs(module: string): Promise<number> {
  const script = `
    const before = process.cpuUsage();
    await import(${JSON.stringify(pathToFileURL(module).href)});
    const { user, system } = process.cpuUsage(before);
    console.log(JSON.stringify((user + system) / 1_000));
  `;
  return (await runAlone(packaging.folder, script)) as number;
}

describe('the bundles', () => {
  test('are one module for each of the ten functions', () => {
    expect(packaging.bundles.map(({ name, files }) => [name, ...files])).toEqual([
      ['callback', 'src/handlers/callback.mjs'],
      ['commands', 'src/handlers/commands.mjs'],
      ['dispatch', 'src/handlers/dispatch.mjs'],
      ['ingest', 'src/handlers/ingest.mjs'],
      ['project', 'src/handlers/project.mjs'],
      ['queries', 'src/handlers/queries.mjs'],
      ['repair', 'src/handlers/repair.mjs'],
      ['sweep', 'src/handlers/sweep.mjs'],
      ['wake', 'src/handlers/wake.mjs'],
      ['wakeLong', 'src/handlers/wake-long.mjs'],
    ]);
  });

  test('are small enough to be loaded fast', () => {
    const tooLarge = packaging.bundles.filter(({ name, bytes }) => bytes > mostBytesOf(name));
    expect(tooLarge.map(({ name, bytes }) => `${name}: ${(bytes / KiB).toFixed(0)} KiB`)).toEqual([]);
  });

  test('are loaded within 150 ms each', async () => {
    const slow: string[] = [];
    for (const { name, module } of packaging.bundles) {
      const took: number[] = [];
      // One after the other: side by side they would measure each other.
      while (took.length < imports && !took.some((ms) => ms <= mostImportMs)) took.push(await importMs(module));
      if (Math.min(...took) > mostImportMs) slow.push(`${name}: ${took.join(', ')} ms`);
    }
    expect(slow).toEqual([]);
  }, 60_000);

  test('leave out only what is never reached: a function answers, another reads a batch', async () => {
    const module = (wanted: string) =>
      JSON.stringify(pathToFileURL(packaging.bundles.find(({ name }) => name === wanted)?.module ?? '').href);
    const script = `
      const { handler: queries } = await import(${module('queries')});
      const { handler: dispatch } = await import(${module('dispatch')});
      const context = { getRemainingTimeInMillis: () => 20_000 };
      const answers = [];
      for (const path of ['/health', '/openapi.json', '/tasks/a']) {
        const event = { rawPath: path, headers: {}, requestContext: { http: { method: 'GET' }, stage: '$default' } };
        answers.push((await queries(event, context)).statusCode);
      }
      answers.push(await dispatch({ Records: [] }, context));
      console.log(JSON.stringify(answers));
    `;
    const environment = {
      AWS_REGION: 'eu-west-1',
      ERRAND_EVENTS_TABLE: 'events',
      ERRAND_BODIES_TABLE: 'bodies',
      ERRAND_VIEWS_TABLE: 'views',
      ERRAND_WAKE_QUEUE_URL: 'http://127.0.0.1/wake',
      ERRAND_WAKE_LONG_QUEUE_URL: 'http://127.0.0.1/wake-long',
      ERRAND_REPAIR_QUEUE_URL: 'http://127.0.0.1/repair',
      ERRAND_BUS_NAME: 'bus',
      ERRAND_PUBLISHED_TYPES: '',
      ERRAND_SHARDS: '1',
      ERRAND_COUNTERS: '1',
      ERRAND_AUTH: 'api-keys',
      ERRAND_API_KEY_HASHES: '',
      ERRAND_LOG_LEVEL: 'silent',
    };
    expect(await runAlone(packaging.folder, script, environment)).toEqual([200, 200, 401, { batchItemFailures: [] }]);
  });

  test('leave in what calls are made with', async () => {
    const received: string[] = [];
    const target = createServer(async (request, response) => {
      received.push(`${request.method} ${await text(request)}`);
      response.end('done');
    }).listen(0, '127.0.0.1');
    await once(target, 'listening');
    const address = target.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    try {
      const module = await bundled(
        packaging,
        `export { createHttpCaller } from './src/adapters/http/undici-caller.ts';
         export { systemClock } from './src/adapters/system-clock.ts';`,
      );
      const script = `
        const { createHttpCaller, systemClock: clock } = await import(${JSON.stringify(pathToFileURL(module).href)});
        const outcomes = [];
        for (const egress of ['any', 'public']) {
          const caller = createHttpCaller({ egress, connectionsPerTarget: 1, idleConnections: 1, clock });
          for (const [method, body] of [['POST', Buffer.from('a body')], ['GET', null]]) {
            const outcome = await caller.call({
              url: 'http://127.0.0.1:${port}/', method, headers: [], body, timeoutMs: 5_000, signal: new AbortController().signal,
              beginBefore: { wall: clock.now() + 5_000, monotonic: clock.monotonic() + 5_000 },
            });
            outcomes.push(outcome.kind === 'response' ? Buffer.from(outcome.body).toString() : outcome.kind);
          }
        }
        console.log(JSON.stringify(outcomes));
        process.exit();
      `;
      expect(await runAlone(packaging.folder, script)).toEqual(['done', 'done', 'egress', 'egress']);
      expect(received).toEqual(['POST a body', 'GET ']);
    } finally {
      target.close();
      target.closeAllConnections();
    }
  });
});
