import { ScanCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eraseStreams } from '../../src/operator/erase-streams.ts';
import { openHost } from '../../src/operator/open-host.ts';
import { createClient } from '../e2e/harness/client.ts';
import { startTarget, type Target } from '../e2e/harness/target.ts';
import { until } from '../e2e/harness/until.ts';
import { type RecordedHost, startRecordedHost } from '../privileges/recorded-host.ts';
import { isDynoxideInstalled } from '../support/dynoxide.ts';

const marker = 'Xq7secret';
const tables = ['ERRAND_EVENTS_TABLE', 'ERRAND_BODIES_TABLE', 'ERRAND_VIEWS_TABLE'] as const;

describe.skipIf(!isDynoxideInstalled())('erasing while the functions of the AWS host are at work', () => {
  let host: RecordedHost;
  let target: Target;
  beforeAll(async () => {
    [host, target] = await Promise.all([startRecordedHost(), startTarget()]);
  }, 60_000);
  afterAll(async () => {
    await target?.close();
    await host?.stop();
  });

  const erase = async (streams: readonly string[], meanwhile: () => Promise<void>): Promise<void> => {
    const names = [...tables, 'ERRAND_SHARDS', 'ERRAND_COUNTERS'];
    const operator = await openHost(Object.fromEntries(names.map((name) => [name, host.variable(name)])), {
      make: false,
      tell: () => undefined,
    });
    let [later, commits] = [0, 0];
    const clock = {
      now: () => Date.now() + later,
      async sleep(ms: number) {
        if (later === 0) await meanwhile();
        later += ms;
      },
    };
    const commitId = (): string => {
      commits += 1;
      return `at-work-${commits}`;
    };
    const silent = (): void => undefined;
    const options = { children: true, dryRun: false, atRest: false, clock, ids: { commitId }, tell: silent, say: silent };
    await eraseStreams(operator, { ...options, streams });
    await until('the read models', async () => ((await operator.check(silent, silent)) ? true : undefined), 20_000);
    operator.close();
  };

  test('leaves nothing in the tables, and everything else goes on', { timeout: 60_000 }, async () => {
    const client = createClient(host.url);
    const large = `${marker} `.repeat(2_000);
    target.on('/large', () => ({ body: large }));
    const request = { url: `${target.url}/large?q=${marker}`, headers: { 'x-a': marker }, body: large };
    await client.post('/tasks', { id: 'gone', request, labels: { who: marker } });
    await client.post('/orchestrations', { id: 'steps', steps: [{ task: { request } }, { task: { request } }] });
    await client.post('/tasks', { id: 'kept', request: { url: `${target.url}/kept` } });
    await client.taskFinished('gone');
    await client.taskFinished('kept');
    await until(
      'the orchestration',
      async () => ((await client.get('/orchestrations/steps')).body.status === 'succeeded' ? true : undefined),
      20_000,
    );
    const retriedMeanwhile = async (): Promise<void> => {
      expect((await client.post('/tasks/gone/redeliver')).status).toBe(404);
      await client.post('/tasks', { id: 'meanwhile', request: { url: `${target.url}/meanwhile` } });
      expect((await client.taskFinished('meanwhile')).status).toBe('succeeded');
    };

    await erase(['task#gone', 'orchestration#steps'], retriedMeanwhile);

    const scans = tables.map((name) => host.dynamodb.send(new ScanCommand({ TableName: host.variable(name) })));
    const items = (await Promise.all(scans)).flatMap(({ Items = [] }) => Items);
    const text = items
      .flatMap((item) => Object.values(item))
      .map((value) => (value.B === undefined ? JSON.stringify(value) : Buffer.from(value.B).toString('latin1')));
    expect(items.length).toBeGreaterThan(10);
    expect(text.join('\n')).not.toContain(marker);
    for (const id of ['gone', 'steps.1', 'steps.2']) {
      expect((await client.get(`/tasks/${id}`)).status, id).toBe(404);
      expect((await client.post('/tasks', { id, request: { url: target.url } })).status, id).toBe(409);
    }
    expect((await client.get('/orchestrations/steps')).status).toBe(404);
    expect((await client.get('/stats')).body.counts).toMatchObject({ succeeded: 2, scheduled: 0, running: 0 });
    await client.post('/tasks', { id: 'after', request: { url: `${target.url}/after` } });
    expect((await client.taskFinished('after')).status).toBe('succeeded');
    expect(target.receipts('/large')).toHaveLength(3);
  });
});
