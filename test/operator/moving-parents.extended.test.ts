import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { exportLog } from '../../src/operator/export-log.ts';
import { importLog } from '../../src/operator/import-log.ts';
import { startWorld, type World } from '../aws-host/faults/world.ts';
import { createClient } from '../e2e/harness/client.ts';
import { startErrand } from '../e2e/harness/errand.ts';
import { startTarget } from '../e2e/harness/target.ts';
import { until } from '../e2e/harness/until.ts';
import { isDynoxideInstalled } from '../support/dynoxide.ts';
import { at, keys, type Place, temporaryFolder } from './places.ts';

const silent = (): void => undefined;
const readers = ['dispatch', 'project', 'wake'] as const;
let world: World | undefined;
afterAll(() => world?.stop());

/** Brings the log of one place into another; gives what is in both. */
async function move(from: Place, to: Place): Promise<string> {
  const file = join(temporaryFolder(), 'log.jsonl');
  const { foldsChecksum } = await at(from, (host) => exportLog(host, file, silent));
  const { manifest } = await at(to, (host) => importLog(host, file, { withoutKeys: [], tell: silent }));
  expect(manifest.foldsChecksum).toBe(foldsChecksum);
  expect(await at(to, (host) => host.check(silent, silent))).toBe(true);
  return foldsChecksum;
}

type Told = { readonly type: string; readonly data: { readonly occurrence: number; readonly dueAt: string; readonly taskId: string } };

test.skipIf(!isDynoxideInstalled())(
  'a schedule and an orchestration that are open go on from server to AWS and on another server: every time fires once, every step runs once',
  { timeout: 180_000 },
  async () => {
    const [target, aws] = await Promise.all([startTarget(), startWorld({ keys })]);
    world = aws;
    const to = (path: string) => ({ request: { url: `${target.url}/${path}` } });
    const oldDir: Place = { kind: 'server', environment: { ...keys, ERRAND_DATA_DIR: temporaryFolder() } };
    const newDir: Place = { kind: 'server', environment: { ...keys, ERRAND_DATA_DIR: temporaryFolder() } };
    const tables: Place = { kind: 'aws', environment: { ...keys, ...aws.environment } };
    const serverAt = ({ environment }: Place) => startErrand({ dataDir: String(environment['ERRAND_DATA_DIR']), environment: { ...keys } });
    /** So many more times have fired, and the task of each has been called. */
    const more = (times: number) => target.received('/tick', target.receipts('/tick').length + times, 40_000);

    const old = await serverAt(oldDir);
    const first = createClient(old.url);
    await first.post('/schedules', { id: 'ticking', every: '1s', overlap: 'allow', misfire: 'run-all', task: to('tick') });
    const steps = [{ task: to('step-1') }, { delay: '4s', task: to('step-2') }, { delay: '6s', task: to('step-3') }];
    await first.post('/orchestrations', { id: 'order', steps });
    await more(2);
    await old.stop();

    for (const name of readers) aws.valve(name).off();
    const checksums = [await move(oldDir, tables)];
    for (const name of readers) aws.valve(name).on();
    await aws.sweep();
    await target.received('/step-2', 1, 40_000);
    await more(2);
    // An end that its orchestration has not heard of when the log is moved is found a minute later; here it has.
    await until('the third step', async () => ((await aws.get('/orchestrations/order')).body.currentStep === 3 ? true : undefined), 40_000);
    aws.valve('wake').off();
    await until('the end of what is under way', () => (aws.valve('wake').underWay === 0 ? true : undefined));
    checksums.push(await move(tables, newDir));
    expect(new Set(checksums).size).toBe(2);

    const next = await serverAt(newDir);
    const client = createClient(next.url);
    await target.received('/step-3', 1, 40_000);
    await more(2);
    const { body } = await client.post('/schedules/ticking/pause');
    const { tasks } = await until('the end of every task', async () => {
      const [stats, list] = await Promise.all([client.get('/stats'), client.get('/tasks?limit=100')]);
      return stats.body.feedLagMs === 0 && stats.body.counts.succeeded === list.body.tasks.length ? list.body : undefined;
    });
    const { events } = (await client.get('/schedules/ticking/events?limit=1000')).body;
    const order = await until('the end of the orchestration', async () => {
      const { body: read } = await client.get('/orchestrations/order');
      return read.status === 'running' ? undefined : read;
    });
    await next.stop();

    const fired = events.filter(({ type }: Told) => type === 'OccurrenceFired').map(({ data }: Told) => data);
    const numbers = Array.from({ length: body.occurrences }, (_unused, index) => index + 1);
    expect(fired.map(({ occurrence }: Told['data']) => occurrence)).toEqual(numbers);
    const beganAt = Date.parse(fired[0].dueAt);
    expect(fired.map(({ dueAt }: Told['data']) => Date.parse(dueAt) - beganAt)).toEqual(numbers.map((number) => (number - 1) * 1_000));
    const called = (path: string) => target.receipts(path).map(({ headers }) => headers['errand-task-id']);
    expect(called('/tick').sort()).toEqual(fired.map(({ taskId }: Told['data']) => taskId).sort());
    expect(order).toMatchObject({ status: 'succeeded', outcome: 'completed' });
    expect(['/step-1', '/step-2', '/step-3'].map((path) => target.receipts(path).length)).toEqual([1, 1, 1]);
    expect(tasks).toHaveLength(numbers.length + 3);
    await target.close();
  },
);
