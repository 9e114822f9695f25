import { sqsClient } from '../adapters/aws/clients.ts';
import { removeMessages } from '../adapters/aws/dead-letter-search.ts';
import { DynamoEraseLog } from '../adapters/aws/dynamodb-erase-log.ts';
import { systemClock } from '../adapters/system-clock.ts';
import { streamEvent } from '../application/event-schemas.ts';
import type { EventLog, ReadModels, Tally, View, ViewWrite } from '../application/ports.ts';
import { foldStream } from '../domain/streams.ts';
import type { Environment } from '../handlers/environment.ts';
import { wireViews } from '../handlers/wiring/dynamodb.ts';
import { tally } from '../projections/project.ts';
import { retryPorts, type Tables } from './aws-environment.ts';
import type { Removal, Tell } from './log-host.ts';
import { count } from './progress.ts';

type Forgotten = Parameters<Removal['forget']>[0];

/** Views in one round: what one request may read. */
const viewsAtOnce = 100;
const rounds = 5;

const expiring = [
  'What goes by itself: records of the table stream after 24 hours, messages of the queues after 4 days (of repair and ingest after 14, as dead ' +
    'letters do), log lines of the functions after their retention, backups for point-in-time recovery after 35 days.',
  'What stays until somebody removes it: records given up on in the bucket GivenUpRecordsBucket (90 days; docs/deploy.md says how to find ' +
    'them), backups that were made on demand, what subscribers of the bus and targets were told, and exports (--file rewrites one).',
];

/** The tables, reached with the operator's own credentials: no function's role permits what this asks for. */
export function awsRemoval(environment: Environment, { client, values, log }: Tables): Removal {
  const { ERRAND_EVENTS_TABLE: eventsTable, ERRAND_BODIES_TABLE: bodiesTable } = values;
  const views = wireViews(values, systemClock, client);
  return {
    log: new DynamoEraseLog({ client, eventsTable, bodiesTable, ...retryPorts }),
    begin: () => undefined,
    async forget(streams) {
      for (let first = 0; first < streams.length; first += viewsAtOnce)
        await forgetViews(log, views, streams.slice(first, first + viewsAtOnce));
    },
    finish: async () => 'The read models were written along.',
    searchElsewhere: async (streams, tell) => [await searchDeadLetters(environment, streams, tell), ...expiring],
  };
}

/** Writes the view that the stub folds to, and takes out of the statistics what was counted of its events. */
async function forgetViews(log: EventLog, views: ReadModels, streams: Forgotten): Promise<void> {
  // An interrupted removal has left another stub than this one has made.
  const stored = await Promise.all(streams.map(({ stub }) => log.read(stub.stream, { after: 0, limit: 1 })));
  let left = streams.map(({ stub, events }, index) => ({ stub: stored[index]?.[0] ?? stub, events }));
  for (let round = 0; left.length > 0; round += 1) {
    if (round === rounds) throw new Error(`the view of ${left[0]?.stub.stream} is written by somebody else all the time`);
    const known = await views.read(left.map(({ stub }) => stub.stream));
    const writes = left.flatMap((each) => writeOf(known.get(each.stub.stream) ?? null, each));
    const behind = new Set(await views.write(writes));
    left = left.filter(({ stub }) => behind.has(stub.stream));
  }
}

function writeOf(before: View | null, { stub, events }: Forgotten[number]): ViewWrite | [] {
  if (before?.version === 1 && before.state.status === 'deleted') return [];
  const state = foldStream(stub.stream, null, [streamEvent(stub)]);
  const counted = tally(events.filter(({ version }) => version <= (before?.version ?? 0)));
  return { before, after: { stream: stub.stream, version: 1, state }, tallies: counted.map(negative) };
}

function negative({ minute, started, succeeded, failed, retried }: Tally): Tally {
  return { minute, started: -started, succeeded: -succeeded, failed: -failed, retried: -retried };
}

async function searchDeadLetters(environment: Environment, streams: readonly string[], tell: Tell): Promise<string> {
  const urls = (environment['ERRAND_DEAD_LETTER_QUEUE_URLS'] ?? '').split(',').filter((url) => url !== '');
  if (urls.length === 0) return 'Dead letters were not looked through, as ERRAND_DEAD_LETTER_QUEUE_URLS names no queue.';
  let [seen, removed] = [0, 0];
  for (const queueUrl of urls) {
    tell(`looks through the dead letters in ${queueUrl}`);
    const looked = await removeMessages({ client: sqsClient(), queueUrl, ...retryPorts }, new Set(streams));
    seen += looked.seen;
    removed += looked.removed;
  }
  return `Of ${count(seen)} dead letters ${count(removed)} were about what was erased, and are removed.`;
}
