import { randomUUID } from 'node:crypto';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { describe, expect, test } from 'vitest';
import { DynamoEraseLog } from '../../../src/adapters/aws/dynamodb-erase-log.ts';
import { snapshotSchemaVersion } from '../../../src/application/aggregate-store.ts';
import { streamEvent } from '../../../src/application/event-schemas.ts';
import type { EventLog, StoredEvent } from '../../../src/application/ports.ts';
import { limits } from '../../../src/domain/limits.ts';
import { factsOfStream, foldStream, type StreamState } from '../../../src/domain/streams.ts';
import { stubOf } from '../../../src/operator/folded-streams.ts';
import { epoch, minute, perform } from '../../domain/task-histories.ts';
import { createLogTables, isDynoxideInstalled, logOn, startDynoxide } from '../../support/dynoxide.ts';
import { localAccess } from '../../support/local-access.ts';
import { created, storedEvents } from '../../support/stored-events.ts';

/** A task that was changed many times before it was cancelled; the bytes beside its first event lie apart. */
function longTask(): readonly StoredEvent[] {
  let history = created('task#long');
  for (let change = 1; change < 69; change += 1) {
    history = perform({ ...history, now: epoch + change }, { type: 'reschedule', changes: { labels: { n: String(change) } } }).history;
  }
  const events = storedEvents(perform(history, { type: 'cancel', reason: null }).history);
  return events.map((event) => (event.version === 1 ? { ...event, body: new Uint8Array(20_000) } : event));
}

async function append(log: EventLog, events: readonly StoredEvent[]): Promise<void> {
  let state: StreamState | null = null;
  for (const event of events) {
    state = foldStream(event.stream, state, [streamEvent(event)]);
    const snapshot = { version: event.version, schemaVersion: snapshotSchemaVersion, state: JSON.stringify(state) };
    await log.append(event, event.version % limits.snapshotEvery === 0 ? snapshot : undefined);
  }
}

/** What whoever looks at the stream now is told: the state it folds to; null if it does not fold. */
async function seen(log: EventLog): Promise<StreamState | null> {
  const { snapshot, events } = await log.load('task#long', snapshotSchemaVersion);
  try {
    return foldStream('task#long', snapshot === null ? null : JSON.parse(snapshot.state), events.map(streamEvent));
  } catch {
    return null;
  }
}

/** A client that fails for good from its n-th request on, which is either lost, or carried out before its reply is. */
function dying(endpoint: string, request: number, carriedOut: boolean): DynamoDBClient {
  const client = new DynamoDBClient({ ...localAccess, endpoint, maxAttempts: 1 });
  let sent = 0;
  client.middlewareStack.add(
    (next) => async (args) => {
      sent += 1;
      if (sent < request) return next(args);
      if (sent === request && carriedOut) await next(args);
      throw new Error('the power is gone');
    },
    { step: 'initialize' },
  );
  return client;
}

describe.skipIf(!isDynoxideInstalled())('taking a long stream out of DynamoDB', () => {
  const retry = { sleep: async () => undefined, random: () => 0.5 };
  const events = longTask();
  const [last] = events.slice(-1);
  if (last === undefined) throw new Error('no events');
  const erasure = () => ({ stub: stubOf('task#long', { now: epoch + minute, commitId: randomUUID() }), newest: [last] });

  test.each([true, false])(
    'cut off at any request (carried out: %s) never shows a task that is open, and is made whole',
    { timeout: 120_000 },
    async (carriedOut) => {
      const { client, endpoint } = await startDynoxide();
      let deaths = 0;
      // 70 events: 25 go with the first one, the others one by one; then the body.
      for (let request = 1; ; request += request < 8 || request > 44 ? 1 : 6) {
        const tables = await createLogTables({ client, endpoint });
        const log = logOn(client, tables);
        await append(log, events);
        const cut = await new DynamoEraseLog({ client: dying(endpoint, request, carriedOut), ...tables, ...retry })
          .erase([erasure()])
          .catch(() => 'cut off');

        const state = await seen(log);
        if (state !== null) expect(['cancelled', 'deleted']).toContain(state.status);
        if (state !== null) expect(factsOfStream('task#long', state).wakeAt).toBeNull();
        expect(await new DynamoEraseLog({ client, ...tables, ...retry }).erase([erasure()])).toEqual([]);

        expect((await log.read('task#long', { after: 0 })).map(({ type }) => type)).toEqual(['Erased']);
        await expect(log.readBody('task#long', events[0] ?? last)).rejects.toThrow('is gone');
        if (cut !== 'cut off') break;
        deaths += 1;
      }
      expect(deaths).toBeGreaterThan(10);
    },
  );

  test('leaves it when an event comes after it was looked at', async () => {
    const { client, endpoint } = await startDynoxide();
    const tables = await createLogTables({ client, endpoint });
    const log = logOn(client, tables);
    await append(log, events);
    const racing = new DynamoDBClient({ ...localAccess, endpoint, maxAttempts: 1 });
    racing.middlewareStack.add(
      (next, { commandName }) =>
        async (args) => {
          if (commandName === 'TransactWriteItemsCommand') await log.append({ ...last, version: last.version + 1, commitId: 'in between' });
          return next(args);
        },
      { step: 'initialize' },
    );

    expect(await new DynamoEraseLog({ client: racing, ...tables, ...retry }).erase([erasure()])).toEqual(['task#long']);

    expect(await log.read('task#long', { after: 0 })).toHaveLength(events.length + 1);
  });
});
