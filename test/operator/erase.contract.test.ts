import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ScanCommand } from '@aws-sdk/client-dynamodb';
import { SendMessageCommand } from '@aws-sdk/client-sqs';
import { describe, expect, test } from 'vitest';
import { encodeWake } from '../../src/adapters/aws/sqs-wake-queue.ts';
import { systemClock } from '../../src/adapters/system-clock.ts';
import type { StoredEvent } from '../../src/application/ports.ts';
import { createTaskStore } from '../../src/application/task-store.ts';
import { handleWake } from '../../src/application/wake.ts';
import { readEnvironment, viewVariables } from '../../src/handlers/environment.ts';
import { wireViews } from '../../src/handlers/wiring/dynamodb.ts';
import { quietMs } from '../../src/operator/closing.ts';
import { type EraseOptions, eraseStreams } from '../../src/operator/erase-streams.ts';
import type { LogHost } from '../../src/operator/log-host.ts';
import { project } from '../../src/projections/project.ts';
import { callbackSpec, httpAction, minute, perform } from '../domain/task-histories.ts';
import { createWorld } from '../support/application-world.ts';
import { isDynoxideInstalled, startDynoxide } from '../support/dynoxide.ts';
import { fail, start, succeed } from '../support/histories.ts';
import { startQueues } from '../support/queues.ts';
import { created, storedEvents } from '../support/stored-events.ts';
import { familyLog } from './families.ts';
import { at, eventsAt, type Kind, type Place, placeWith } from './places.ts';

const silent = (): void => undefined;
const kinds: readonly Kind[] = isDynoxideInstalled() ? ['server', 'aws'] : ['server'];
let commits = 0;
const ids = {
  commitId: (): string => {
    commits += 1;
    return `erase-${commits}`;
  },
};
const noWait = { now: () => Date.now(), sleep: () => Promise.reject(new Error('there is nobody to wait for')) };

type Parts = Partial<Parameters<typeof eraseStreams>[1]> & Pick<EraseOptions, 'streams'>;
async function erase(place: Place, parts: Parts, through: (host: LogHost) => LogHost = (host) => host) {
  const [said, told]: [string[], string[]] = [[], []];
  const options = { children: false, dryRun: false, atRest: true, clock: noWait, ids, ...parts };
  await at(place, (host) => eraseStreams(through(host), { ...options, say: (line) => said.push(line), tell: (line) => told.push(line) }));
  return { said: said.join('\n'), told: told.join('\n') };
}

/** A host with these events and read models of them. */
async function projectedPlace(kind: Kind, events: readonly StoredEvent[]): Promise<Place> {
  const place = await placeWith(kind, events);
  await at(place, (host) => host.rebuild(silent));
  return place;
}

/** Whether the read models are what the log makes of them; what was found if they are not. */
async function differences(place: Place): Promise<string> {
  const said: string[] = [];
  return (await at(place, (host) => host.check(silent, (line) => said.push(line)))) ? '' : said.join('\n');
}

/** Everything that a host keeps, byte by byte: its files, or the items of its tables. */
async function everythingKept({ kind, environment }: Place): Promise<string> {
  if (kind === 'server') {
    const dataDir = environment['ERRAND_DATA_DIR'] ?? '';
    return readdirSync(dataDir)
      .map((name) => readFileSync(join(dataDir, name), 'latin1'))
      .join('\n');
  }
  const { client } = await startDynoxide();
  const tables = ['ERRAND_EVENTS_TABLE', 'ERRAND_BODIES_TABLE', 'ERRAND_VIEWS_TABLE'];
  const scans = await Promise.all(tables.map((name) => client.send(new ScanCommand({ TableName: environment[name] ?? '' }))));
  const values = scans.flatMap(({ Items = [] }) => Items).flatMap((item) => Object.values(item));
  return values.map((value) => (value.B === undefined ? JSON.stringify(value) : Buffer.from(value.B).toString('latin1'))).join('\n');
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
/** In every place that content may lie in. All begin alike, so that none is missed in looking for them. */
const marker = 'Xq7secret';

/** A task that was changed, failed, was tried again and has succeeded; small and large bodies beside it. `text` is in all of it. */
function told(stream: string, text: string, now: number): readonly StoredEvent[] {
  const action = {
    ...httpAction,
    url: `https://shop.example/${text}-url`,
    headers: [{ name: 'x-a', value: `${text}-header` }],
    secretHeaders: [],
    body: { kind: 'json', bytes: 1 },
  } as const;
  const first = created(stream, { action, labels: { who: `${text}-label` } }, now);
  const changed = perform(first, { type: 'reschedule', changes: { labels: { who: `${text}-label-2` } } }).history;
  const events = storedEvents(succeed(start({ ...fail(start(changed), true), now: now + minute })));
  const error = { kind: 'http', message: `${text}-error`, status: 500 };
  return events.map((event) => ({
    ...event,
    ...(event.type === 'TaskFailed' ? { data: { ...event.data, error } } : {}),
    ...(event.body === undefined ? {} : { body: bytes(`${text}-body `.repeat(event.version === 1 ? 2_000 : 3)) }),
  }));
}

describe.each(kinds)('erasing on the %s host', (kind) => {
  test('a task leaves nothing of it in anything that is kept, but for its id', async () => {
    const now = Date.now() - 30 * minute;
    const place = await projectedPlace(kind, [...told('task#gone', marker, now), ...told('task#kept', 'public', now)]);
    expect((await everythingKept(place)).split(marker).length).toBeGreaterThan(2_010);

    const { said } = await erase(place, { streams: ['task#gone'] });

    const kept = await everythingKept(place);
    expect(kept).not.toContain(marker);
    expect(kept).not.toContain('TaskSucceeded","secret');
    expect(kept.split('public-body').length).toBeGreaterThan(2_000);
    expect(said).toMatch(/task gone: \d+ events, .*\n(?:.*\n)?1 streams were erased/);
    const events = (await eventsAt(place)).filter(({ stream }) => stream === 'task#gone');
    expect(events.map(({ version, type, data }) => ({ version, type, data }))).toEqual([{ version: 1, type: 'Erased', data: {} }]);
    expect(await differences(place)).toBe('');
  });

  test('an orchestration with its tasks leaves nothing of any of them', async () => {
    const place = await projectedPlace(kind, [...(await familyLog(marker)), ...told('task#order.9', 'public', Date.now())]);
    expect(await everythingKept(place)).toContain(marker);

    const { said } = await erase(place, { streams: ['orchestration#order', 'schedule#nightly'], children: true });

    expect(said).toContain('  5 tasks of it are erased as well');
    expect(await everythingKept(place)).not.toContain(marker);
    const stubs = (await eventsAt(place)).filter(({ type }) => type === 'Erased').map(({ stream }) => stream);
    expect(stubs.sort()).toEqual(
      ['1', '1.check.1', '2', '2.check.1', 'callback']
        .map((end) => `task#order.${end}`)
        .concat(['orchestration#order', 'schedule#nightly', 'task#nightly.1', 'task#nightly.2'])
        .sort(),
    );
    expect(await differences(place)).toBe('');
  });

  test('a parent alone keeps its tasks and says so, and so does one of the tasks', async () => {
    const place = await projectedPlace(kind, await familyLog());

    const parent = await erase(place, { streams: ['schedule#nightly'] });
    const child = await erase(place, { streams: ['task#order.1'] });

    expect(parent.said).toContain('2 tasks of it keep what they took over: --children erases them as well');
    expect(child.said).toContain('it belonged to orchestration order, which keeps what it knows of it');
    expect(await differences(place)).toBe('');
  });

  test('what is open is refused, and what is not there, before anything is changed', async () => {
    const family = await familyLog();
    const begun = family.slice(0, family.findIndex(({ stream, type }) => stream === 'task#order.1' && type === 'TaskSucceeded') + 1);
    const histories = [
      created('task#scheduled'),
      start(created('task#running')),
      succeed(start(created('task#untold', { callback: { ...callbackSpec, headers: [] } }))),
      succeed(start(created('task#done'))),
    ];
    const place = await projectedPlace(kind, [...begun, ...histories.flatMap(storedEvents)]);
    const before = await eventsAt(place);

    const refused = (...streams: string[]) => expect(erase(place, { streams: ['task#done', ...streams], children: true })).rejects;

    await refused('task#nobody').toThrow(/there is no task nobody in the/);
    await refused('task#scheduled').toThrow('task scheduled is scheduled: end it first');
    await refused('task#running').toThrow('task running is running');
    await refused('task#untold').toThrow('task untold has a callback that is not delivered yet');
    await refused('orchestration#order').toThrow('orchestration order is running');
    await refused('task#order.1').toThrow('it belongs to orchestration order, which is running: end that first');
    expect(await eventsAt(place)).toEqual(before);
  });

  test('tried says what it would do, and does nothing', async () => {
    const place = await projectedPlace(kind, told('task#done', marker, Date.now()));
    const before = await eventsAt(place);

    const { said } = await erase(place, { streams: ['task#done'], dryRun: true });

    expect(said).toContain('Nothing was changed. With --yes it is done.');
    expect(await eventsAt(place)).toEqual(before);
  });

  test.each(['begin', 'erase', 'forget', 'finish'] as const)('interrupted at %s and repeated leaves nothing', async (where) => {
    const place = await projectedPlace(kind, await familyLog(marker));
    const dies = (): never => {
      throw new Error('the power is gone');
    };
    const dying = (host: LogHost): LogHost => {
      const { removal } = host;
      const erasing = { erase: async (all: Parameters<typeof removal.log.erase>[0]) => (await removal.log.erase(all.slice(1))) && dies() };
      const parts = { begin: { begin: dies }, erase: { log: erasing }, forget: { forget: dies }, finish: { finish: dies } } as const;
      return { ...host, removal: { ...removal, ...parts[where] } };
    };
    const asked = { streams: ['orchestration#order', 'schedule#nightly'], children: true };
    await expect(erase(place, asked, dying)).rejects.toThrow('the power is gone');

    await erase(place, asked);
    await erase(place, asked);

    expect(await everythingKept(place)).not.toContain(marker);
    expect((await eventsAt(place)).every(({ type }) => type === 'Erased')).toBe(true);
    expect(await differences(place)).toBe('');
  });

  test('a wake that comes late does nothing, and the id is not used again', async () => {
    const events = storedEvents(succeed(start(created('task#done', { action: { ...httpAction, headers: [], secretHeaders: [] } }))));
    const place = await projectedPlace(kind, events);
    await erase(place, { streams: ['task#done'] });

    await at(place, async (host) => {
      const world = createWorld();
      const store = createTaskStore({ log: host.log, ids: world.ports.ids, cacheEntries: 0 });
      const ports = { ...world.ports, store };
      for (const version of [1, 2, 3]) await handleWake(ports, { stream: 'task#done', version, dueAt: 0, target: null, lane: 'short' });
      expect(world.caller.calls).toEqual([]);
      expect((await store.load('task#done')).state.status).toBe('deleted');
      for (const event of events.slice(0, 1)) expect(await host.log.append(event)).toBe('conflict');
    });
    expect(await eventsAt(place)).toHaveLength(1);
  });
});

describe('on the server an erased log', () => {
  test('ends where it ended before, so that no position is given out twice and no reader misses one', async () => {
    const place = await projectedPlace('server', [...told('task#first', 'a', Date.now()), ...told('task#last', 'b', Date.now())]);
    const last = Math.max(...(await eventsAt(place)).map(({ position = 0 }) => position));

    await erase(place, { streams: ['task#last'] });
    await at(place, (host) => Promise.all(storedEvents(created('task#next')).map((event) => host.log.append(event))));

    const positions = Object.fromEntries((await eventsAt(place)).map(({ stream, position }) => [stream, position]));
    expect(positions).toMatchObject({ 'task#last': last, 'task#next': last + 1 });
    expect(await differences(place)).toBe('');
  });
});

describe.skipIf(!isDynoxideInstalled())('on AWS, beside functions at work', () => {
  const action = { ...httpAction, headers: [], secretHeaders: [] };
  const failed = (): readonly StoredEvent[] => storedEvents(fail(start(created('task#failed', { action }, Date.now() - minute)), false));

  test('a stream is closed to commands first, and whoever decided before is waited for', async () => {
    const place = await projectedPlace('aws', failed());
    let now = Date.now();
    const waits: number[] = [];
    const clock = {
      now: () => now,
      async sleep(ms: number) {
        waits.push(ms);
        now += ms;
        if (waits.length > 1) return;
        // A command that was decided before comes now: its version is taken, and it finds the task deleted.
        await at(place, async (host) => {
          for (const event of failed().slice(-1))
            expect(await host.log.append({ ...event, version: 4, commitId: 'retry' })).toBe('conflict');
        });
      },
    };

    const run = await erase(place, { streams: ['task#failed'], atRest: false, clock });

    expect(waits.reduce((sum, ms) => sum + ms, 0)).toBe(quietMs);
    expect(run.told).toContain('waits 1,200 s more for functions that may have begun before');
    expect((await eventsAt(place)).map(({ type }) => type)).toEqual(['Erased']);
    expect(await differences(place)).toBe('');
  });

  test('a stream that goes on first is left, and nothing is erased', async () => {
    const place = await projectedPlace('aws', failed());
    const racing = (host: LogHost): LogHost => {
      const { log } = host;
      const append: LogHost['log']['append'] = async (event) => {
        await log.append({ ...event, commitId: 'of a user' });
        return log.append(event);
      };
      return {
        ...host,
        log: { append, read: (...a) => log.read(...a), load: (...a) => log.load(...a), readBody: (...a) => log.readBody(...a) },
      };
    };

    await expect(erase(place, { streams: ['task#failed'], atRest: false }, racing)).rejects.toThrow('task#failed went on meanwhile');

    expect(await eventsAt(place)).toHaveLength(4);
  });

  test('records of the stream that come late change no view', async () => {
    const events = failed();
    const place = await projectedPlace('aws', events);
    await erase(place, { streams: ['task#failed'] });
    const views = wireViews(readEnvironment(place.environment, viewVariables), systemClock);

    await at(place, async ({ log }) => {
      for (const records of [events, events.slice(0, 1), events.slice(1), events.slice(2)])
        await project({ log, views, onBroken: silent }, records);
    });

    expect((await views.read(['task#failed'])).get('task#failed')).toMatchObject({ version: 1, state: { status: 'deleted' } });
    expect(await differences(place)).toBe('');
  });

  test('dead letters about it are removed, others are there again', async () => {
    const queues = await startQueues();
    const queueUrl = await queues.create();
    process.env['AWS_ENDPOINT_URL_SQS'] = new URL(queueUrl).origin;
    const wake = (stream: string): string => encodeWake({ stream, version: 1, dueAt: 0, target: null, lane: 'short' });
    const onBus = (stream: string): string => JSON.stringify({ detail: { id: `${stream}@3`, callback: true, data: { secret: 1 } } });
    const others = [wake('task#failed.1'), onBus('task#failed@3'), 'no JSON', JSON.stringify({ stream: 'task#other', version: 3 })];
    const about = [wake('task#failed'), onBus('task#failed'), JSON.stringify({ stream: 'task#failed', version: 2 })];
    for (const MessageBody of [...others, ...about, ...Array.from({ length: 20 }, (_unused, index) => wake(`task#${index}`))])
      await queues.client.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody }));
    const { kind, environment } = await projectedPlace('aws', failed());
    const place = { kind, environment: { ...environment, ERRAND_DEAD_LETTER_QUEUE_URLS: queueUrl } };

    const { said } = await erase(place, { streams: ['task#failed'] });

    expect(said).toContain('Of 27 dead letters 3 were about what was erased, and are removed.');
    const left = (await queues.inspect(queueUrl)).map(({ body }) => body);
    expect(left).toHaveLength(24);
    expect(left).toEqual(expect.arrayContaining(others));
  });

  test('without queues to look through it says so, and what goes when', async () => {
    const { said } = await erase(await projectedPlace('aws', failed()), { streams: ['task#failed'] });

    expect(said).toMatch(/were not looked through.*\n.*24 hours.*14.*35 days.*\n.*GivenUpRecordsBucket \(90 days/);
  });
});
