import { basename } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { GetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import { numberAt, textAt } from '../../../src/adapters/aws/event-item.ts';
import type { LogFields, Logger, StoredEvent } from '../../../src/application/ports.ts';
import { readSettings } from '../../../src/server/settings.ts';
import { createClient } from '../../e2e/harness/client.ts';
import { until } from '../../e2e/harness/until.ts';
import { startAwsHost } from '../host.ts';
import type { Endpoints } from '../seams.ts';
import type { Stack } from '../stack/stack.ts';
import { allItems, createHistoryReader, type Histories } from './history.ts';
import { createProxy } from './proxy.ts';
import { createShiftedClock } from './shifted-clock.ts';
import { startCountingTarget } from './target.ts';
import { createValve, type Valve } from './valve.ts';

/** The functions by their files. */
export type FunctionName =
  | 'commands'
  | 'queries'
  | 'dispatch'
  | 'project'
  | 'wake'
  | 'wake-long'
  | 'callback'
  | 'ingest'
  | 'sweep'
  | 'repair';
/** Each look reads both tables. */
export const lookEveryMs = 40;
export type World = Awaited<ReturnType<typeof startWorld>>;

/** The AWS host in this process, with a proxy between it and its services, valves before its functions, and a clock that can be moved. */
export async function startWorld(
  options: { readonly adjust?: (stack: Stack) => Stack; readonly keys?: Readonly<Record<string, string>> } = {},
) {
  // Metrics are lines on standard output; nobody reads them here.
  process.env['POWERTOOLS_METRICS_DISABLED'] = 'true';
  const clock = createShiftedClock();
  const target = await startCountingTarget(clock);
  const proxy = createProxy();
  const valves = new Map<string, Valve>();
  const environments = new Map<string, Readonly<Record<string, string>>>();
  const resources = new Map<string, Stack['functions'][number]>();
  const lines: { readonly message: string; readonly fields: LogFields }[] = [];
  const note = (message: string, fields: LogFields = {}): void => void lines.push({ message, fields });
  const logger: Logger = { info: note, warn: note, error: note };
  let direct: Endpoints | undefined;
  let proxied: Endpoints | undefined;
  let sqs: SQSClient | undefined;
  let stack: Stack | undefined;

  const host = await startAwsHost(
    // In memory: fauxqs cannot give a message back whose queue is kept in a file (2.4.1).
    readSettings({
      ...options.keys,
      PORT: '0',
      ERRAND_DATA_DIR: ':memory:',
      ERRAND_LOG_LEVEL: process.env['ERRAND_FAULTS_LOG'] ?? 'silent',
    }),
    { engine: 'dynoxide', publishedDelays: false, record: undefined },
    logger,
    {
      clock,
      async between(endpoints) {
        direct = endpoints;
        proxied = {
          dynamodb: await proxy.before(endpoints.dynamodb),
          sqs: await proxy.before(endpoints.sqs),
          others: await proxy.before(endpoints.others),
        };
        return proxied;
      },
      adjust(given) {
        // A minute of this clock passes when a test says so: the sweep is invoked by hand.
        stack = { ...given, rules: given.rules.filter(({ ScheduleExpression }) => ScheduleExpression === undefined) };
        stack = options.adjust?.(stack) ?? stack;
        return stack;
      },
      around(lambda, resource, environment) {
        const name = basename(resource.Handler).replace(/\.[^.]+$/, '');
        const fed = stack?.mappings.find(({ FunctionName }) => FunctionName === resource.arn)?.EventSourceArn;
        const queueName = stack?.queues.find(({ arn }) => arn === fed)?.QueueName;
        const valve = createValve(lambda, { sqs: () => access.sqs, url: queueName === undefined ? null : queueUrlOf(queueName) });
        valves.set(name, valve);
        environments.set(name, environment);
        resources.set(name, resource);
        return valve;
      },
    },
  );
  const endpoints = direct;
  if (endpoints === undefined || proxied === undefined || stack === undefined) throw new Error('the host has asked for no endpoints');
  const local = { region: 'eu-west-1', credentials: { accessKeyId: 'local', secretAccessKey: 'local' } };
  // Ours go past the proxy: what a test looks at has no faults.
  const dynamodb = new DynamoDBClient({ ...local, endpoint: endpoints.dynamodb });
  sqs = new SQSClient({ ...local, endpoint: endpoints.sqs });
  const access = { dynamodb, sqs };
  const environment = Object.assign({}, ...environments.values()) as Readonly<Record<string, string>>;
  const broken = new Set<string>();
  const readHistories = createHistoryReader();
  const undispatched = new Set<string>();

  function queueUrlOf(name: string): string {
    return `${direct?.sqs}/000000000000/${name}`;
  }
  /** The address past the proxy of the queue that a variable names, or of its dead letters. */
  function queue(variable: string, deadLetters = false): string {
    const name = environment[variable]?.split('/').at(-1) ?? '';
    const policy = stack?.queues.find(({ QueueName }) => QueueName === name)?.RedrivePolicy;
    return queueUrlOf(deadLetters ? (policy?.deadLetterTargetArn.split(':').at(-1) ?? '') : name);
  }

  async function messagesIn(QueueUrl: string): Promise<{ readonly visible: number; readonly held: number }> {
    const { Attributes = {} } = await access.sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] }));
    return {
      visible: Number(Attributes.ApproximateNumberOfMessages ?? 0),
      held: Number(Attributes.ApproximateNumberOfMessagesNotVisible ?? 0),
    };
  }

  function valve(name: FunctionName): Valve {
    const found = valves.get(name);
    if (found === undefined) throw new Error(`there is no function ${name}`);
    return found;
  }

  async function histories(): Promise<Histories> {
    return readHistories(await allItems(dynamodb, environment['ERRAND_EVENTS_TABLE'] ?? ''), broken);
  }

  const isDispatched = (key: string): boolean => valve('dispatch').done.has(key) || undispatched.has(key);

  /** Nothing is under way, both readers of the stream are through, and no queue has a message that could be received. */
  async function isQuiet(): Promise<boolean> {
    const busy = (): boolean => [...valves.values()].some(({ underWay }) => underWay > 0);
    if (busy()) return false;
    const sources = (stack?.queues ?? []).filter(({ RedrivePolicy }) => RedrivePolicy !== undefined);
    const counts = await Promise.all(sources.map(({ QueueName }) => messagesIn(queueUrlOf(QueueName))));
    if (counts.some(({ visible }) => visible > 0)) return false;
    const { streams } = await histories();
    const items = await allItems(dynamodb, environment['ERRAND_VIEWS_TABLE'] ?? '');
    const views = new Map(items.map((item) => [textAt(item, 'pk'), numberAt(item, 'version')]));
    return (
      !busy() &&
      streams.every(
        ({ stream, events }) =>
          views.get(stream) === events.at(-1)?.version && events.every(({ version }) => isDispatched(`${stream}@${version}`)),
      )
    );
  }

  return {
    ...createClient(host.url),
    url: host.url,
    clock,
    target,
    proxy,
    environment,
    environments,
    resources,
    lines,
    access,
    endpoints,
    proxied,
    /** Streams that do not fold, for a test broke them. */
    broken,
    /** Events that `dispatch` will never be given, as `task#a@1`: nobody waits for it to be through with them. */
    undispatched,
    valve,
    queue,
    messagesIn,
    /** The tasks of the log by their ids. */
    log: async (): Promise<Histories['tasks']> => (await histories()).tasks,
    /** The events of a stream of any kind, oldest first. */
    eventsOf: async (name: string): Promise<readonly StoredEvent[]> =>
      (await histories()).streams.find(({ stream }) => stream === name)?.events ?? [],
    async quiet(withinMs = 20_000): Promise<void> {
      let calm = 0;
      const look = async (): Promise<true | undefined> => {
        await pause(lookEveryMs);
        // Twice, as a message may be on its way from its queue to a function.
        calm = (await isQuiet()) ? calm + 1 : 0;
        return calm >= 2 ? true : undefined;
      };
      await until('quiet', look, withinMs);
    },
    /** Resolves once `dispatch` is through with the whole log. */
    async dispatched(): Promise<void> {
      const look = async (): Promise<true | undefined> =>
        (await histories()).streams.every(({ stream, events }) => events.every((event) => isDispatched(`${stream}@${event.version}`))) ||
        undefined;
      await until('the dispatch of all events', look);
    },
    async sweep(): Promise<void> {
      await valve('sweep').invoke({ 'detail-type': 'Scheduled Event' });
    },
    async stop(): Promise<void> {
      for (const each of valves.values()) each.on();
      proxy.inject(() => ({ kind: 'none' }));
      await host.stop(5_000);
      await proxy.close();
      await target.close();
      dynamodb.destroy();
      sqs?.destroy();
    },
  };
}
