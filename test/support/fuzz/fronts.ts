import type { Server } from 'node:http';
import { duplexPair } from 'node:stream';
import { sha256Digest } from '../../../src/adapters/crypto/digest.ts';
import { createRandomIds } from '../../../src/adapters/crypto/random-ids.ts';
import { refusedLiteral } from '../../../src/adapters/http/public-address.ts';
import type { EventLog, ReadModels, Sealer, StoredEvent, Tokens } from '../../../src/application/ports.ts';
import { handleWake } from '../../../src/application/wake.ts';
import { createApi } from '../../../src/handlers/http/api.ts';
import { type Documentation, documentation } from '../../../src/handlers/http/openapi/documentation.ts';
import { notHere } from '../../../src/handlers/not-here.ts';
import { createHttpFunction } from '../../../src/handlers/wiring/http-function.ts';
import { project } from '../../../src/projections/project.ts';
import { runners } from '../../../src/runners/registry.ts';
import { createAdmission } from '../../../src/server/admission.ts';
import { createBridge } from '../../../src/server/bridge.ts';
import { createEventClients } from '../../../src/server/event-clients.ts';
import { openStorage } from '../../../src/server/storage.ts';
import { createHttpApi } from '../../aws-host/http-api.ts';
import { createRouter } from '../../aws-host/routes.ts';
import { parseAnswers, type RawAnswer } from '../../e2e/harness/raw-socket.ts';
import { createWorld, type World } from '../application-world.ts';
import { invocation, rememberingTelemetry } from '../lambda.ts';
import { MemoryReadModels } from '../memory-read-models.ts';
import { response } from '../scripted-caller.ts';
import { apiKey } from './requests.ts';

/** One of the two ways in, with everything behind it in this process. */
export type Front = {
  readonly name: 'server' | 'aws';
  readonly ports: World['ports'];
  /** Sends bytes on a connection of their own, and resolves with the first answer. */
  exchange(bytes: Buffer): Promise<RawAnswer>;
  /** Looks at a task now. Its target answers with the status that the path of its URL says. */
  wake(stream: string): Promise<void>;
  /** Carries what was appended into the lists. */
  project(): Promise<void>;
  /** What was logged as an error since this was asked last: each is a bug, whatever was answered. */
  newErrors(): readonly string[];
  close(): void;
};

const access = { to: 'key holders', keyHashes: [sha256Digest.sha256(apiKey)] } as const;
const version = '0.0.0';

function worldOn(log?: EventLog): World {
  const world = createWorld(log === undefined ? {} : { through: () => log });
  world.caller.answer = ({ url }) => response(Number(/\/(\d{3})$/.exec(url)?.[1] ?? 200));
  return world;
}

/** What both fronts have in common: a server in this process and the world behind it. */
function front(
  name: Front['name'],
  world: World,
  server: Server,
  parts: { readonly views: ReadModels; readonly log: EventLog; unprojected(): readonly StoredEvent[] },
  /** What is logged to, each by itself. */
  logs: readonly (readonly string[])[],
  close: () => void = () => undefined,
): Front {
  const { ports } = world;
  const broken: string[] = [];
  let looked: readonly number[] = [];
  return {
    name,
    ports,
    exchange: (bytes) => exchange(server, bytes),
    wake: async (stream) => {
      const { state } = await ports.store.load(stream);
      await handleWake(ports, { stream, version: state.version, dueAt: ports.clock.now(), target: null, lane: 'short' });
    },
    project: () =>
      project({ log: parts.log, views: parts.views, onBroken: (stream, error) => broken.push(`${stream}: ${error}`) }, parts.unprojected()),
    newErrors: () => {
      const lines = logs.flatMap((log, index) => log.slice(looked[index] ?? 0));
      looked = logs.map(({ length }) => length);
      return [...broken.splice(0), ...lines.filter((line) => line.startsWith('error:'))];
    },
    close,
  };
}

/** The server host's own listener, on SQLite in memory. Nothing is run by itself. */
export function serverFront(): Front {
  const failures: string[] = [];
  const storage = openStorage(':memory:', {
    info: () => undefined,
    warn: () => undefined,
    error: (message) => void failures.push(`error: ${message}`),
  });
  const { log, views } = storage;
  const world = worldOn(log);
  const { logger } = world;
  const clients = createEventClients({ log, logger });
  const api = createApi({
    ...world.ports,
    ids: { ...world.ports.ids, taskId: createRandomIds(world.clock).taskId },
    log,
    views,
    input: { egress: 'public', refusedLiteral, runner: (name) => runners.get(name) ?? null },
    logger,
    access,
    version,
    documentation,
    events: 'streamed',
    health: async () => ({ host: 'server' }),
    feedLagMs: async () => 0,
  });
  const server = createBridge({
    logger,
    api,
    admit: createAdmission({ hasKeys: true, publicUrl: undefined, state: () => 'ready' }),
    stream: (event, answered, streamed) => {
      if (answered.streamsEvents !== true || event.method === 'HEAD') return false;
      clients.serve(event, streamed);
      return true;
    },
  });
  let projected = 0;
  const unprojected = (): readonly StoredEvent[] => {
    const events = log.readAll(projected, 1_000_000);
    projected = log.head();
    return events;
  };
  return front('server', world, server, { views, log, unprojected }, [failures, world.logger.lines], () => {
    clients.end();
    storage.close();
  });
}

/** Everything below these changes something, and goes to `commands`; the rest to `queries` (serverless.yml). */
const routes = ['/tasks', '/schedules', '/orchestrations'].flatMap((path) =>
  ['POST', 'PUT', 'PATCH', 'DELETE'].flatMap((method) =>
    [path, `${path}/{proxy+}`].map((below) => ({ routeKey: `${method} ${below}`, functionArn: 'commands', timeoutMs: 29_000 })),
  ),
);

/** The functions `commands` and `queries`, each with the ports that its entry gives it, behind an HTTP API that hands them its events. */
export function awsFront(): Front {
  const world = worldOn();
  const { log, clock } = world;
  const { sealer, tokens } = world.ports;
  const views = new MemoryReadModels();
  const telemetry = rememberingTelemetry();
  const shared = { access, log, clock, telemetry };
  const commands = createHttpFunction({
    ...shared,
    views: notHere<ReadModels>('read models', ['read', 'write', 'due', 'list', 'statistics']),
    sealer,
    tokens,
    egress: 'public',
    documentation: notHere<Documentation>('documentation', ['openApi', 'page']),
    feedLagMs: () => Promise.reject(new Error('this function has no read models')),
  });
  const queries = createHttpFunction({
    ...shared,
    views,
    sealer: notHere<Sealer>('sealing keys', ['seal', 'open', 'holds', 'fingerprint', 'matches']),
    tokens: notHere<Tokens>('token keys', ['make', 'read']),
    egress: 'public',
    documentation,
    feedLagMs: async () => 0,
  });
  const named = (name: string, handle: typeof commands) => ({
    name,
    arn: name,
    invoke: (event: unknown) => handle(event, invocation(clock, 29_000)),
    idle: async () => undefined,
    warm: async () => undefined,
  });
  const server = createBridge({
    logger: world.logger,
    api: createHttpApi({
      findRoute: createRouter([...routes, { routeKey: '$default', functionArn: 'queries', timeoutMs: 29_000 }]),
      functions: new Map([named('commands', commands), named('queries', queries)].map((each) => [each.arn, each])),
      logger: world.logger,
    }),
    admit: () => null,
    stream: () => false,
  });
  let projected = 0;
  const unprojected = (): readonly StoredEvent[] => {
    const events = log.records.slice(projected);
    projected = log.records.length;
    return events;
  };
  return front('aws', world, server, { views, log, unprojected }, [telemetry.lines, world.logger.lines]);
}

/** Longer than any answer takes here. */
const patienceMs = 20_000;

/** Through the whole HTTP layer of a server that listens nowhere. */
function exchange(server: Server, bytes: Buffer): Promise<RawAnswer> {
  const [near, far] = duplexPair();
  const method = bytes.toString('latin1', 0, bytes.indexOf(' '));
  return new Promise((resolve, reject) => {
    let text = '';
    const limit = setTimeout(() => settle(undefined, `no answer within ${patienceMs} ms`), patienceMs);
    const settle = (answer: RawAnswer | undefined, why: string): void => {
      clearTimeout(limit);
      near.destroy();
      far.destroy();
      if (answer === undefined) reject(new Error(`${why}: ${text.slice(0, 500)}`));
      else resolve({ ...answer, body: Buffer.from(answer.body, 'latin1').toString('utf8') });
    };
    near.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      const [answer] = parseAnswers(text, false, method);
      // A stream of events goes on for ever: its beginning is the answer.
      const isStream = /HTTP\/1\.1 200 .*?\r\ncontent-type: text\/event-stream.*?\r\n\r\n/is.test(text);
      if (answer !== undefined || isStream) settle(answer ?? parseAnswers(text, true, method)[0], 'the answer cannot be read');
    });
    near.on('close', () => settle(parseAnswers(text, true, method)[0], 'closed without an answer'));
    near.on('error', () => undefined);
    far.on('error', () => undefined);
    server.emit('connection', far);
    near.write(bytes);
  });
}
