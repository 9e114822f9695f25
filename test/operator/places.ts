import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import type { StoredEvent } from '../../src/application/ports.ts';
import type { LogHost } from '../../src/operator/log-host.ts';
import { openHost } from '../../src/operator/open-host.ts';
import type { History } from '../domain/task-histories.ts';
import { statesAlong } from '../domain/task-histories.ts';
import { createLogTables, createViewsTable, startDynoxide } from '../support/dynoxide.ts';
import { storedEvents } from '../support/stored-events.ts';

export type Kind = 'server' | 'aws';
/** Where a log may lie: what the environment of an operator's command says. */
export type Place = { readonly kind: Kind; readonly environment: Readonly<Record<string, string>> };

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'errand-move-'));
  folders.push(folder);
  return folder;
}

const key = (byte: number): string => Buffer.alloc(32, byte).toString('base64');
/** The keys of every place, unless a test takes one away. */
export const keys = {
  ERRAND_SEALING_KEYS: key(1),
  ERRAND_TOKEN_KEYS: key(2),
  ERRAND_SIGNING_SECRET: `whsec_${key(3)}`,
};

/** An empty log on a host of its own. */
export async function emptyPlace(kind: Kind): Promise<Place> {
  if (kind === 'server') return { kind, environment: { ...keys, ERRAND_DATA_DIR: temporaryFolder() } };
  const engine = await startDynoxide();
  const { eventsTable, bodiesTable } = await createLogTables(engine);
  const aws = {
    AWS_REGION: 'eu-west-1',
    AWS_ACCESS_KEY_ID: 'local',
    AWS_SECRET_ACCESS_KEY: 'local',
    AWS_ENDPOINT_URL_DYNAMODB: engine.endpoint,
  };
  // The SDK reads its own environment.
  Object.assign(process.env, aws);
  const environment = {
    ...keys,
    ...aws,
    ERRAND_EVENTS_TABLE: eventsTable,
    ERRAND_BODIES_TABLE: bodiesTable,
    ERRAND_VIEWS_TABLE: await createViewsTable(engine),
    ERRAND_SHARDS: '3',
    ERRAND_COUNTERS: '2',
  };
  return { kind, environment };
}

/** Does something with the log of a place, as a command does: opened for it alone and closed afterwards. */
export async function at<T>(place: Place, work: (host: LogHost) => Promise<T>): Promise<T> {
  const host = await openHost(place.environment, { make: true, tell: () => undefined });
  try {
    return await work(host);
  } finally {
    host.close();
  }
}

/** A place whose host has these events in its log, not imported. */
export async function placeWith(kind: Kind, events: readonly StoredEvent[]): Promise<Place> {
  const place = await emptyPlace(kind);
  await at(place, (host) => appendAll(host, events));
  return place;
}

export async function appendAll(host: LogHost, events: readonly StoredEvent[]): Promise<void> {
  await Promise.all(events.map((event) => host.log.append(event)));
}

/** A history up to its last moment at which no attempt was running: what a host at rest holds. */
export function atRest(history: History): readonly StoredEvent[] {
  const states = statesAlong(history.events).slice(1);
  const rested = states.findLastIndex(({ status }) => status !== 'running');
  return storedEvents({ events: history.events.slice(0, rested + 1) });
}

/** All events of a log, those of a stream together. */
export async function eventsAt(place: Place): Promise<readonly StoredEvent[]> {
  return at(place, async (host) => {
    const events: StoredEvent[] = [];
    for await (const event of host.events()) events.push(event);
    return events;
  });
}
