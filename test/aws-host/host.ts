import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { systemRandom } from '../../src/adapters/crypto/random.ts';
import { systemClock } from '../../src/adapters/system-clock.ts';
import type { Logger } from '../../src/application/ports.ts';
import { createAdmission } from '../../src/server/admission.ts';
import { createBridge } from '../../src/server/bridge.ts';
import { loadSecrets } from '../../src/server/secret-files.ts';
import type { Settings } from '../../src/server/settings.ts';
import { noDelays, publishedDelays } from './delays.ts';
import { startDynamoDbLocal } from './engines/dynamodb-local.ts';
import { startDynoxide } from './engines/dynoxide.ts';
import { environmentOf, pointClients, secretValues } from './environment.ts';
import { createHttpApi, largestRequest } from './http-api.ts';
import { createFunction, type LambdaFunction } from './lambda/function.ts';
import { recordCalls } from './lambda/recorder.ts';
import { openCheckpoints } from './mappings/checkpoints.ts';
import { createFailureDestination } from './mappings/failure-destination.ts';
import type { Options } from './options.ts';
import { packagedTemplate } from './package-template.ts';
import { createRouter } from './routes.ts';
import { noSeams, type Seams } from './seams.ts';
import { createClients } from './services/clients.ts';
import { eventBridge } from './services/event-bridge.ts';
import { type Operations, startJsonEndpoint } from './services/json-endpoint.ts';
import { createQueues, startQueues } from './services/queues.ts';
import { secretsManager } from './services/secrets-manager.ts';
import { createTables } from './services/tables.ts';
import { readStack } from './stack/stack.ts';
import { busPorts, startInvokers } from './wiring.ts';

export type AwsHost = {
  readonly url: string;
  /** Where producers put their events, and where those lie that were refused. */
  readonly producers: { readonly busName: string; readonly endpoint: string; readonly deadLetters: string };
  /** Rejects if the database engine ends by itself. */
  readonly broken: Promise<never>;
  /** Resolves when invocations under way have ended, at most `waitMs` later, and everything is stopped. */
  stop(waitMs: number): Promise<void>;
};

/** How long requests under way may take to be answered when the host stops. */
const answerWaitMs = 1_000;
const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
const engines = { dynoxide: startDynoxide, 'dynamodb-local': startDynamoDbLocal } as const;

/** Undoes what was begun, the last first; whatever of it fails must not keep the rest. */
class Undoing {
  readonly #steps: (() => unknown)[] = [];
  add(step: () => unknown): void {
    this.#steps.push(step);
  }
  async started<Service extends { stop(): Promise<void> }>(starting: Promise<Service>): Promise<Service> {
    const service = await starting;
    this.add(() => service.stop());
    return service;
  }
  async run(): Promise<void> {
    for (const step of this.#steps.splice(0).reverse())
      await Promise.resolve()
        .then(step)
        .catch(() => undefined);
  }
}

/** Starts the AWS host on this machine: the packaged template says what there is, the emulators below stand for AWS. */
export async function startAwsHost(settings: Settings, options: Options, logger: Logger, seams: Seams = noSeams): Promise<AwsHost> {
  const undoing = new Undoing();
  try {
    return await start(settings, options, logger, seams, undoing);
  } catch (error) {
    await undoing.run();
    throw error;
  }
}

async function start(settings: Settings, options: Options, logger: Logger, seams: Seams, undoing: Undoing): Promise<AwsHost> {
  const checkpoints = openCheckpoints(settings.dataDir);
  undoing.add(() => checkpoints.close());
  const secrets = loadSecrets(settings);

  let phase: 'starting' | 'ready' | 'stopping' = 'starting';
  let api: ReturnType<typeof createHttpApi> | undefined;
  const server = createBridge({
    logger,
    admit: createAdmission({ hasKeys: settings.apiKeys.length > 0, publicUrl: settings.publicUrl, state: () => phase }),
    largest: largestRequest,
    api: (event, request) => (api === undefined ? Promise.reject(new Error('there is no API yet')) : api(event, request)),
    stream: () => false,
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen({ port: settings.port, host: settings.host, backlog: 4_096 }, resolve);
  });
  undoing.add(() => void server.close());
  const { address, port } = server.address() as AddressInfo;
  if (settings.publicUrl === undefined && (address === '0.0.0.0' || address === '::')) {
    logger.warn('asynchronous targets are told to answer to an address that they cannot reach; set ERRAND_PUBLIC_URL');
  }
  if (settings.ingestDir !== undefined) logger.warn('ERRAND_INGEST_DIR is of the server; here events are put on the bus');
  const url = `http://${settings.host.includes(':') ? `[${settings.host}]` : settings.host}:${port}`;

  // Operations are known once the stack is, and the stack once the endpoints of its queues are.
  const operations: { current: Operations } = { current: {} };
  const [engine, queues, others, template] = await Promise.all([
    undoing.started(engines[options.engine](settings.dataDir)),
    undoing.started(startQueues(settings.dataDir)),
    undoing.started(startJsonEndpoint((target) => operations.current[target])),
    packagedTemplate(),
  ]);
  const endpoints = await seams.between({ dynamodb: engine.endpoint, sqs: queues.endpoint, others: others.url });
  const queueUrl = (queueName: string): string => queues.url(queueName).replace(queues.endpoint, endpoints.sqs);
  pointClients(endpoints);
  const stack = seams.adjust(readStack(template, queueUrl));
  const clients = createClients();
  undoing.add(() => clients.destroy());
  await Promise.all([createTables(clients.dynamodb, stack.tables), createQueues(clients.sqs, stack.queues, queueUrl)]);

  const delays = options.publishedDelays ? publishedDelays(systemRandom.next) : noDelays;
  const wiring = { stack, clients, queueUrl, delays, logger };
  operations.current = { ...secretsManager(secretValues(stack, secrets)), ...eventBridge(busPorts(wiring)) };

  const rings: (() => void)[] = [];
  const ringAll = (): void => {
    for (const ring of rings) ring();
  };
  recordCalls({ file: options.record, onWrite: ringAll });
  const functions = new Map<string, LambdaFunction>(
    stack.functions.map((resource) => {
      const environment = environmentOf(resource.Environment.Variables, settings, url);
      const lambda = createFunction(resource, environment, root, { clock: seams.clock });
      return [resource.arn, seams.around(lambda, resource, environment)];
    }),
  );
  await Promise.all(Array.from(functions.values(), (lambda) => lambda.warm()));
  api = createHttpApi({ findRoute: createRouter(stack.routes), functions, logger });
  const giveUp = createFailureDestination(settings.dataDir, systemClock, logger);
  const invokers = await startInvokers({ ...wiring, functions, checkpoints, giveUp });
  rings.push(...invokers.streams.map(({ ring }) => ring));
  phase = 'ready';

  return {
    url,
    producers: {
      busName: stack.buses[0] ?? '',
      endpoint: endpoints.others,
      deadLetters: stack.functions.flatMap(({ Environment }) => Environment.Variables['ERRAND_INGEST_DEAD_LETTERS_URL'] ?? [])[0] ?? '',
    },
    broken: engine.ended,
    async stop(waitMs) {
      phase = 'stopping';
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      await Promise.race([closed, systemClock.sleep(answerWaitMs)]);
      const running = [...invokers.streams, ...invokers.others];
      for (const invoker of running) invoker.stop();
      // Again and again: a poll may have been on its way to the queue.
      const endingPolls = setInterval(queues.endPolls, 20);
      const ended = Promise.all([...running.map((invoker) => invoker.ended), ...Array.from(functions.values(), (lambda) => lambda.idle())]);
      await Promise.race([ended, systemClock.sleep(waitMs)]);
      clearInterval(endingPolls);
      server.closeAllConnections();
      await undoing.run();
    },
  };
}
