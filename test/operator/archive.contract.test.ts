import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseStoredEvent, streamEvent } from '../../src/application/event-schemas.ts';
import type { StoredEvent } from '../../src/application/ports.ts';
import { factsOfStream, foldStream, kindOf, type StreamState } from '../../src/domain/streams.ts';
import type { TaskState } from '../../src/domain/task/state.ts';
import { type ArchiveOptions, archiveLog } from '../../src/operator/archive-log.ts';
import { exportLog } from '../../src/operator/export-log.ts';
import { importLog } from '../../src/operator/import-log.ts';
import type { LogHost } from '../../src/operator/log-host.ts';
import { callbackSpec, epoch, hour, minute } from '../domain/task-histories.ts';
import { isDynoxideInstalled } from '../support/dynoxide.ts';
import { fail, start, succeed } from '../support/histories.ts';
import { anyHistories, created, storedEvents } from '../support/stored-events.ts';
import { familyLog } from './families.ts';
import { at, emptyPlace, eventsAt, type Kind, type Place, placeWith, temporaryFolder } from './places.ts';

const silent = (): void => undefined;
const kinds: readonly Kind[] = isDynoxideInstalled() ? ['server', 'aws'] : ['server'];
const day = 24 * hour;
let commits = 0;
const ids = {
  commitId: (): string => {
    commits += 1;
    return `archive-${commits}`;
  },
};

type Run = { readonly said: string; readonly told: string };
type Through = (host: LogHost) => LogHost;
const asItIs: Through = (host) => host;

async function archive(place: Place, parts: Partial<ArchiveOptions> & { readonly to: string }, through = asItIs): Promise<Run> {
  const [said, told]: [string[], string[]] = [[], []];
  const clock = { now: () => epoch + 100 * day, sleep: () => Promise.reject(new Error('there is nobody to wait for')) };
  const options = { endedBefore: epoch + 90 * day, limit: 1_000, dryRun: false, atRest: true, clock, ids, ...parts };
  await at(place, (host) => archiveLog(through(host), { ...options, say: (line) => said.push(line), tell: (line) => told.push(line) }));
  return { said: said.join('\n'), told: told.join('\n') };
}

/** A host with these events, and read models of them. */
async function projectedPlace(kind: Kind, events: readonly StoredEvent[]): Promise<Place> {
  const place = await placeWith(kind, events);
  await at(place, (host) => host.rebuild(silent));
  return place;
}

const newFile = (): string => join(temporaryFolder(), 'archive.jsonl');
const bare = ({ position: _position, imported: _imported, ...event }: StoredEvent) => event;
const byKey = (left: StoredEvent, right: StoredEvent): number =>
  left.stream === right.stream ? left.version - right.version : left.stream < right.stream ? -1 : 1;
const sorted = (events: readonly StoredEvent[]) => events.map(bare).sort(byKey);
const isStub = ({ type }: StoredEvent): boolean => type === 'Erased';

/** What is in an archive, as a host has it that imported it; nothing if there is no file. */
async function unarchived(file: string): Promise<readonly StoredEvent[]> {
  if (!existsSync(file)) return [];
  const place = await emptyPlace('server');
  await at(place, (host) => importLog(host, file, { withoutKeys: [], tell: silent }));
  return eventsAt(place);
}

function statesOf(events: readonly StoredEvent[]): ReadonlyMap<string, StreamState> {
  const states = new Map<string, StreamState>();
  for (const event of [...events].sort(byKey)) {
    states.set(event.stream, foldStream(event.stream, states.get(event.stream) ?? null, [streamEvent(parseStoredEvent(event))]));
  }
  return states;
}

/** The streams of a log that may be archived, by a reading of the rules of its own. */
function archivable(events: readonly StoredEvent[], endedBefore: number): readonly string[] {
  const states = statesOf(events);
  const parentOf = (stream: string): string | null => {
    const task = states.get(stream) as TaskState;
    const known = task.status === 'deleted' ? task.ended : task;
    const origin = known === null || known.status === 'missing' ? null : known.definition.origin;
    if (origin === null) return null;
    return 'scheduleId' in origin ? `schedule#${origin.scheduleId}` : `orchestration#${origin.orchestrationId}`;
  };
  const tasks = [...states.keys()].filter((stream) => kindOf(stream) === 'task');
  const over = ['succeeded', 'failed', 'cancelled', 'finished', 'deleted'];
  const isOver = (stream: string): boolean => {
    const state = states.get(stream);
    return state !== undefined && over.includes(state.status) && factsOfStream(stream, state).wakeAt === null;
  };
  return [...states.keys()].filter((stream) => {
    const old = events.filter((event) => event.stream === stream).every(({ occurredAt }) => occurredAt < endedBefore);
    const children = tasks.filter((task) => parentOf(task) === stream);
    const parent = kindOf(stream) === 'task' ? parentOf(stream) : null;
    return old && isOver(stream) && children.every(isOver) && (parent === null || !states.has(parent) || isOver(parent));
  });
}

/** A beginning of a log with a schedule and an orchestration, and any tasks beside it. */
const anyLog = (family: readonly StoredEvent[]): fc.Arbitrary<readonly StoredEvent[]> =>
  fc
    .record({ length: fc.nat(family.length), histories: anyHistories({ tasks: 5, steps: 12 }) })
    .map(({ length, histories }) => [...family.slice(0, length), ...histories.flatMap(storedEvents)]);

describe.each(kinds)('archiving on the %s host', (kind) => {
  test('moves exactly what has ended: the file and what is left are together what was there', { timeout: 120_000 }, async () => {
    const family = await familyLog();
    await fc.assert(
      fc.asyncProperty(anyLog(family), fc.constantFrom(minute, 20 * minute, 90 * day), async (events, age) => {
        const place = await projectedPlace(kind, events);
        const file = newFile();
        const endedBefore = epoch + age;

        await archive(place, { to: file, endedBefore });

        const [live, archived] = [await eventsAt(place), await unarchived(file)];
        expect([...new Set(archived.map(({ stream }) => stream))].sort()).toEqual([...archivable(events, endedBefore)].sort());
        expect(
          live
            .filter(isStub)
            .map(({ stream }) => stream)
            .sort(),
        ).toEqual([...archivable(events, endedBefore)].sort());
        expect(sorted([...live.filter((event) => !isStub(event)), ...archived])).toEqual(sorted(events));
        expect(await at(place, (host) => host.check(silent, silent))).toBe(true);
        // Run again it finds nothing more: what is left is as young or as open as before.
        const again = await archive(place, { to: newFile(), endedBefore });
        expect(again.said).toContain('0 streams in ');
      }),
      { numRuns: kind === 'server' ? 25 : 12 },
    );
  });

  test('interrupted at any point and run again ends as if it had not been', { timeout: 120_000 }, async () => {
    const family = await familyLog();
    // At the beginning, before streams are taken out and after half of them, the same for read models, and at the end.
    for (let dies = 1; dies <= 6; dies += 1) {
      const events = [...family, ...storedEvents(created('task#open'))];
      const place = await projectedPlace(kind, events);
      const file = newFile();
      await expect(archive(place, { to: file }, dyingAt(dies))).rejects.toThrow('the power is gone');
      // A server that is started in between shows what is then in the log.
      if (kind === 'server') expect(await at(place, (host) => host.check(silent, silent))).toBe(true);

      await archive(place, { to: file });

      const live = await eventsAt(place);
      expect(sorted([...live.filter((event) => !isStub(event)), ...(await unarchived(file))])).toEqual(sorted(events));
      expect(live.filter((event) => !isStub(event)).map(({ stream }) => stream)).toEqual(['task#open']);
      expect(await at(place, (host) => host.check(silent, silent))).toBe(true);
    }
  });

  test('says what it would do, and does nothing, when it is tried', async () => {
    const events = [...(await familyLog()), ...storedEvents(created('task#open'))];
    const place = await placeWith(kind, events);
    const file = newFile();

    const { said } = await archive(place, { to: file, dryRun: true });

    expect(said).toMatch(/^9 streams in .* are to be archived, as they ended before .*\nOthers stay: 1 are open, 0 ended later, 0 belong/);
    expect(said).toContain('Nothing was changed. With --yes it is done.');
    expect(existsSync(file)).toBe(false);
    expect(sorted(await eventsAt(place))).toEqual(sorted(events));
  });

  test('takes no more than its limit, and the rest in another run', async () => {
    const events = Array.from({ length: 5 }, (_unused, index) => storedEvents(succeed(start(created(`task#t${index}`))))).flat();
    const place = await placeWith(kind, events);
    const [first, second] = [newFile(), newFile()];

    const { said } = await archive(place, { to: first, limit: 3 });
    await archive(place, { to: second, limit: 3 });

    expect(said).toContain('2 more may follow in another run');
    expect(sorted([...(await unarchived(first)), ...(await unarchived(second))])).toEqual(sorted(events));
  });

  test('leaves what does not read, with its tasks, and says so', async () => {
    const events = (await familyLog()).map((event) =>
      event.stream === 'schedule#nightly' ? { ...event, type: 'ScheduleTeleported' } : event,
    );
    const place = await placeWith(kind, events);

    const { said, told } = await archive(place, { to: newFile() });

    expect(told).toMatch(/schedule#nightly is left, as it does not read \(.*ScheduleTeleported/);
    expect(said).toContain('1 are open, 0 ended later, 2 belong to');
    const kept = (await eventsAt(place)).filter((event) => !isStub(event)).map(({ stream }) => stream);
    expect(new Set(kept)).toEqual(new Set(['schedule#nightly', 'task#nightly.1', 'task#nightly.2']));
  });
});

/** A host that dies at the n-th step of a removal; one that takes streams out has then taken out the half of them. */
function dyingAt(dies: number): Through {
  let steps = 0;
  const step = (): void => {
    steps += 1;
    if (steps === dies) throw new Error('the power is gone');
  };
  return (host) => {
    const { removal } = host;
    return {
      ...host,
      removal: {
        ...removal,
        begin() {
          step();
          removal.begin();
        },
        log: {
          async erase(erasures) {
            step();
            const half = Math.floor(erasures.length / 2);
            const left = await removal.log.erase(erasures.slice(0, half));
            step();
            return [...left, ...(await removal.log.erase(erasures.slice(half)))];
          },
        },
        async forget(streams) {
          step();
          await removal.forget(streams.slice(0, 2));
          step();
          await removal.forget(streams);
        },
        async finish(tell) {
          step();
          return removal.finish(tell);
        },
      },
    };
  };
}

describe.skipIf(!isDynoxideInstalled())('archiving beside functions at work', () => {
  /** A clock that a wait moves, and what happens meanwhile. */
  function waitingClock(meanwhile: () => Promise<void> = async () => undefined) {
    let now = epoch + 100 * day;
    const waits: number[] = [];
    const sleep = async (ms: number): Promise<void> => {
      waits.push(ms);
      now += ms;
      if (waits.length === 1) await meanwhile();
    };
    return { clock: { now: () => now, sleep }, waited: () => waits.reduce((sum, ms) => sum + ms, 0) };
  }

  test('closes what has ended to commands, waits, and archives it as it was before', async () => {
    const events = [...(await familyLog()), ...storedEvents(fail(start(created('task#failed')), false))];
    const place = await projectedPlace('aws', events);
    const [file, seen]: [string, string[]] = [newFile(), []];
    const { clock, waited } = waitingClock(async () => {
      seen.push(...(await eventsAt(place)).filter(({ commitId }) => commitId === 'closed-for-removal').map(({ type }) => type));
    });

    await archive(place, { to: file, atRest: false, clock });

    expect(waited()).toBe(20 * minute);
    // Eight tasks and a schedule; nothing follows the end of an orchestration.
    expect(seen.sort()).toEqual(['ScheduleDeleted', ...Array.from({ length: 8 }, () => 'TaskDeleted')]);
    expect(sorted(await unarchived(file))).toEqual(sorted(events));
    expect((await eventsAt(place)).every(isStub)).toBe(true);
    expect(await at(place, (host) => host.check(silent, silent))).toBe(true);
  });

  test('interrupted while it waits finds what it has closed again, and need not wait as long', async () => {
    const events = storedEvents(fail(start(created('task#failed')), false));
    const place = await projectedPlace('aws', events);
    const file = newFile();
    const dying = waitingClock(() => Promise.reject(new Error('the power is gone')));
    await expect(archive(place, { to: file, atRest: false, clock: dying.clock })).rejects.toThrow('the power is gone');

    await archive(place, { to: file, atRest: false, clock: dying.clock });

    expect(dying.waited()).toBe(20 * minute);
    expect(sorted(await unarchived(file))).toEqual(sorted(events));
    expect((await eventsAt(place)).every(isStub)).toBe(true);
  });

  test('leaves a task that is retried before it is closed', async () => {
    const place = await projectedPlace('aws', storedEvents(fail(start(created('task#failed')), false)));
    const file = newFile();
    const racing: Through = (host) => {
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

    await archive(place, { to: file, atRest: false, clock: waitingClock().clock }, racing);

    expect(existsSync(file)).toBe(false);
    expect((await eventsAt(place)).map(({ commitId }) => commitId).at(-1)).toBe('of a user');
  });
});

describe('the file of an archive', () => {
  const finished = succeed(start(created('task#done')));

  test('is no more gone on with if it was changed, and nothing is removed', async () => {
    const place = await placeWith('server', storedEvents(finished));
    const file = newFile();
    await archive(place, { to: file }, dyingAt(1)).catch(silent);
    writeFileSync(file, readFileSync(file, 'utf8').replace('"priority":0', '"priority":1'));

    await expect(archive(place, { to: file })).rejects.toThrow('the file was changed: its bytes do not fit');

    expect(await eventsAt(place)).toHaveLength(3);
  });

  test('is an archive: in a whole export nothing is taken for archived', async () => {
    const place = await placeWith('server', storedEvents(finished));
    const file = newFile();
    await at(place, (host) => exportLog(host, file, silent));

    await expect(archive(place, { to: file })).rejects.toThrow('is an export, not an archive');

    expect(await eventsAt(place)).toHaveLength(3);
  });

  test('removes nothing from a log that has gone on since, or is another one', async () => {
    const [last] = storedEvents(finished).slice(-1);
    if (last === undefined) throw new Error('no event');
    const place = await placeWith('server', storedEvents(finished));
    const other = await placeWith(
      'server',
      storedEvents(finished).map((event) => ({ ...event, commitId: `other-${event.version}` })),
    );
    const file = newFile();
    await archive(place, { to: file }, dyingAt(1)).catch(silent);
    await at(place, (host) => host.log.append({ ...last, version: 4, commitId: 'later' }));

    const runs = [await archive(place, { to: file }), await archive(other, { to: file })];

    for (const { said } of runs) expect(said).toContain('1 are not in the log as they are in the file, and were left: task#done');
    expect(await eventsAt(place)).toHaveLength(4);
    expect(await eventsAt(other)).toHaveLength(3);
  });

  test('is not written where there is nothing to archive', async () => {
    const untold = succeed(start(created('task#untold', { callback: { ...callbackSpec, headers: [] } })));
    const place = await placeWith('server', storedEvents(untold));
    const file = newFile();

    const { said } = await archive(place, { to: file });

    expect(said).toContain('0 streams in ');
    expect(existsSync(file)).toBe(false);
  });
});
