import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { StoredEvent } from '../../src/application/ports.ts';
import { exportLog } from '../../src/operator/export-log.ts';
import { importLog } from '../../src/operator/import-log.ts';
import type { Manifest } from '../../src/operator/log-file.ts';
import { definitionWith as orchestrationWith, step, stepTemplate } from '../domain/orchestration/histories.ts';
import { epoch, hour, httpAction } from '../domain/task-histories.ts';
import { isDynoxideInstalled } from '../support/dynoxide.ts';
import { start, succeed } from '../support/histories.ts';
import { ParentsWorld } from '../support/parents-world.ts';
import { anyHistories, created } from '../support/stored-events.ts';
import { at, atRest, emptyPlace, eventsAt, type Kind, type Place, placeWith, temporaryFolder } from './places.ts';

const silent = (): void => undefined;
const ways: readonly (readonly [Kind, Kind])[] = isDynoxideInstalled()
  ? [
      ['server', 'aws'],
      ['aws', 'server'],
      ['server', 'server'],
      ['aws', 'aws'],
    ]
  : [['server', 'server']];

async function exported(from: Place): Promise<{ readonly file: string; readonly manifest: Manifest }> {
  const file = join(temporaryFolder(), 'log.jsonl');
  return { file, manifest: await at(from, (host) => exportLog(host, file, silent)) };
}

async function imported(to: Place, file: string): Promise<void> {
  await at(to, (host) => importLog(host, file, { withoutKeys: [], tell: silent }));
}

const withoutPlace = ({ position: _position, imported: _imported, ...event }: StoredEvent) => event;
const byKey = (left: StoredEvent, right: StoredEvent): number =>
  left.stream === right.stream ? left.version - right.version : left.stream < right.stream ? -1 : 1;

/** A body above what fits beside an event, and labels in every script, and half a character, and a line separator. */
function rich(): readonly StoredEvent[] {
  const large = created('task#large', { action: { ...httpAction, body: { kind: 'json', bytes: 20 * 1_024 } } });
  const odd = created('task#odd/ id', { labels: { 'ключ "quoted"': '\u0000 \u2028 \\ 😀', half: '\ud83d' } });
  return [...atRest(succeed(start(large))), ...atRest(odd)];
}

/** A schedule that has fired and goes on, one that has finished, and an orchestration between two steps, as a host at rest holds them. */
async function parents(): Promise<readonly StoredEvent[]> {
  const world = new ParentsWorld();
  await world.createSchedule('nightly/report', {});
  await world.createSchedule('weekly', { overlap: 'allow', maxOccurrences: 2 });
  const task = { ...stepTemplate, action: { ...stepTemplate.action, headers: [] } } as typeof stepTemplate;
  await world.createOrchestration('order', orchestrationWith({ steps: [step({ task }), step({ task, delayMs: hour })] }), epoch);
  await world.settle(() => world.events('schedule', 'nightly/report').length > 5);
  expect(['nightly/report', 'weekly'].map((id) => world.state('schedule', id).status)).toEqual(['active', 'finished']);
  expect(world.state('orchestration', 'order')).toMatchObject({ status: 'running' });
  return world.world.log.records;
}

describe.each(ways)('a log that is moved from the %s to the %s host', (from, to) => {
  test('arrives with every event as it was and every byte beside it, marked as imported', async () => {
    const source = await placeWith(from, rich());
    const target = await emptyPlace(to);
    const { file } = await exported(source);

    await imported(target, file);

    const [before, after] = [await eventsAt(source), await eventsAt(target)];
    expect([...after].sort(byKey).map(withoutPlace)).toEqual([...before].sort(byKey).map(withoutPlace));
    expect(after.every((event) => event.imported === true)).toBe(true);
    expect(after.some(({ body }) => (body?.length ?? 0) > 8 * 1_024)).toBe(true);
  });

  test('has the same checksums and read models with schedules and orchestrations that are open', async () => {
    const source = await placeWith(from, await parents());
    const target = await emptyPlace(to);
    const first = await exported(source);
    await imported(target, first.file);

    const { manifest } = await exported(target);

    const { events, streams, bodies, eventsChecksum, foldsChecksum, keys } = first.manifest;
    expect(manifest).toMatchObject({ events, streams, bodies, eventsChecksum, foldsChecksum, keys });
    const found = (await eventsAt(target)).map(({ stream }) => stream);
    for (const stream of ['schedule#nightly/report', 'schedule#weekly', 'orchestration#order', 'task#order.1', 'task#weekly.2'])
      expect(found).toContain(stream);
    expect(await at(target, (host) => host.check(silent, silent))).toBe(true);
  });

  test('has the same checksums when it is exported again, whatever its history', { timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(anyHistories({ tasks: 6, steps: 12 }), async (histories) => {
        const source = await placeWith(from, histories.flatMap(atRest));
        const target = await emptyPlace(to);
        const first = await exported(source);
        await imported(target, first.file);

        const second = await exported(target);

        const { events, streams, bodies, eventsChecksum, foldsChecksum, keys } = first.manifest;
        expect(second.manifest).toMatchObject({ events, streams, bodies, eventsChecksum, foldsChecksum, keys });
        expect(await at(target, (host) => host.check(silent, silent))).toBe(true);
      }),
      { numRuns: from === to ? 8 : 25 },
    );
  });
});
