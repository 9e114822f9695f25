import { DynamoImportMarks } from '../adapters/aws/import-marks.ts';
import { scanLog } from '../adapters/aws/log-scan.ts';
import { parseStoredEvent } from '../application/event-schemas.ts';
import type { StoredEvent } from '../application/ports.ts';
import type { Environment } from '../handlers/environment.ts';
import { keyIdsIn, openTables, retryPorts } from './aws-environment.ts';
import { awsRemoval } from './aws-removal.ts';
import { checkAwsViews, rebuildAwsViews, storedRows } from './aws-views.ts';
import { importMarkShape } from './import-mark-shape.ts';
import type { EventsWanted, ImportMarks, LogHost } from './log-host.ts';
import { notedBytes } from './noted-bytes.ts';

/** Bodies that are fetched side by side: at most as many times 256 KiB are held. */
const bodiesAtOnce = 32;
/** Segments of a scan whose order is of no account. */
const segmentsAtOnce = 4;

/**
 * The tables of the AWS host, reached with the credentials, region and endpoint of the SDK's environment. Nothing locks them: whoever
 * moves a log sees to it that no function is at work.
 */
export function openAwsHost(environment: Environment): LogHost {
  const tables = openTables(environment);
  const { client, values, log } = tables;
  const { ERRAND_EVENTS_TABLE: eventsTable, ERRAND_VIEWS_TABLE: viewsTable } = values;
  const scan = (segments: number) => scanLog({ client, eventsTable, segments, ...retryPorts, parse: (event) => event });

  async function* events({ of = () => true, bare = false }: EventsWanted = {}): AsyncGenerator<StoredEvent> {
    // One segment: its pages follow each other, so that streams stay together. Whoever folds them finds out if they did not.
    for await (const whole of scan(1)) {
      const page = whole.filter(({ stream }) => of(stream));
      if (bare) yield* page;
      else
        for (let first = 0; first < page.length; first += bodiesAtOnce) {
          yield* await Promise.all(page.slice(first, first + bodiesAtOnce).map(withBody));
        }
    }
  }
  async function withBody(event: StoredEvent): Promise<StoredEvent> {
    if (event.body !== undefined || notedBytesOf(event) === 0) return event;
    return { ...event, body: await log.readBody(event.stream, event) };
  }

  return {
    kind: 'aws',
    name: `the DynamoDB table ${eventsTable}`,
    log,
    events,
    async countEvents() {
      let found = 0;
      for await (const page of scan(segmentsAtOnce)) found += page.length;
      return found;
    },
    async isEmpty() {
      for await (const page of scan(1)) if (page.length > 0) return false;
      for await (const _row of storedRows(tables).scan('views')) return false;
      return true;
    },
    keyIds: () => keyIdsIn(environment),
    imports: importMarks(new DynamoImportMarks({ client, viewsTable, ...retryPorts })),
    rebuild: (tell) => rebuildAwsViews(environment, tables, tell),
    check: (tell, say) => checkAwsViews(tables, tell, say),
    removal: awsRemoval(environment, tables),
    close: () => undefined,
  };
}

/** What does not read is found out, and said better, by whoever folds it. */
function notedBytesOf(event: StoredEvent): number {
  try {
    return notedBytes(parseStoredEvent(event));
  } catch {
    return 0;
  }
}

function importMarks(marks: DynamoImportMarks): ImportMarks {
  return {
    async read() {
      const text = await marks.read();
      return text === null ? null : importMarkShape.parse(JSON.parse(text));
    },
    write: (mark) => marks.write(JSON.stringify(mark)),
    clear: () => marks.clear(),
  };
}
