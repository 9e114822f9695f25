import { sha256Digest } from '../adapters/crypto/digest.ts';
import { systemRandom } from '../adapters/crypto/random.ts';
import { createRandomIds } from '../adapters/crypto/random-ids.ts';
import { createSealer } from '../adapters/crypto/sealer.ts';
import { createSigner } from '../adapters/crypto/signer.ts';
import { createTokens } from '../adapters/crypto/tokens.ts';
import { refusedLiteral } from '../adapters/http/public-address.ts';
import { createHttpCaller } from '../adapters/http/undici-caller.ts';
import { recurrences } from '../adapters/recurrence/recurrences.ts';
import { systemClock } from '../adapters/system-clock.ts';
import { deliverCallback } from '../application/callback.ts';
import { interruptAttempts } from '../application/interrupt.ts';
import { createOrchestrationStore } from '../application/orchestration-store.ts';
import type { OutgoingPorts } from '../application/outgoing.ts';
import type { Clock, HttpCaller, Ids, Logger, Random, StoredEvent, Wake } from '../application/ports.ts';
import type { Runners } from '../application/runner.ts';
import { createScheduleStore } from '../application/schedule-store.ts';
import { createTaskStore } from '../application/task-store.ts';
import { handleWake, type WakePorts } from '../application/wake.ts';
import { type Api, createApi } from '../handlers/http/api.ts';
import { documentation } from '../handlers/http/openapi/documentation.ts';
import { createFromEvent } from '../handlers/http/task-event.ts';
import { createDispatchFeed, createProjectFeed } from './change-feeds.ts';
import { InProcessBus } from './in-process-bus.ts';
import { Scheduler } from './scheduler.ts';
import { createSecondTries } from './second-tries.ts';
import { hasShortSigningSecret, loadSecrets } from './secret-files.ts';
import type { Settings } from './settings.ts';
import type { Job } from './slots.ts';
import { openSpool } from './spool.ts';
import { openStorage, type Storage } from './storage.ts';
import { systemTimers, type Timers } from './timers.ts';
import { version } from './version.ts';

/** Folded streams of each kind kept in memory; a state is about a kilobyte. */
const cachedStreams = 16_384;
const heldWakes = 100_000;
const waitingPerTarget = 10_000;

export type Host = {
  readonly api: Api;
  readonly storage: Storage;
  readonly logger: Logger;
  /** From here on tasks are run. Call once the address is known that asynchronous targets are told. */
  start(publicUrl: string): Promise<void>;
  /** Claims nothing new, waits for calls under way up to a limit, interrupts the rest, commits and lets the data directory go. */
  stop(waitMs: number): Promise<void>;
};

/** What a host is made of, all of it given: a simulation gives other parts. */
export type HostParts = {
  readonly storage: Storage;
  readonly settings: Pick<Settings, 'apiKeys' | 'concurrency' | 'egress' | 'ingestDir' | 'publicUrl'>;
  readonly logger: Logger;
  readonly runners: Runners;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly ids: Ids;
  readonly caller: HttpCaller & { close(): Promise<void> };
  readonly keys: Pick<OutgoingPorts, 'sealer' | 'signer' | 'tokens'>;
};

/** The single-node host: every port on this process, wired once. Throws if the data directory is in use or a setting is unusable. */
export async function createHost(settings: Settings, logger: Logger, runners: Runners): Promise<Host> {
  const storage = openStorage(settings.dataDir, logger);
  try {
    const secrets = loadSecrets(settings);
    if (hasShortSigningSecret(secrets)) logger.warn('a signing secret is shorter than the 24 bytes that Standard Webhooks asks for');
    return await wireHost({
      storage,
      settings,
      logger,
      runners,
      clock: systemClock,
      timers: systemTimers,
      random: systemRandom,
      ids: createRandomIds(systemClock),
      caller: createHttpCaller({
        egress: settings.egress,
        connectionsPerTarget: Math.max(1, Math.floor(settings.concurrency / 4)),
        clock: systemClock,
      }),
      keys: {
        sealer: createSealer(secrets.sealing),
        signer: createSigner(secrets.signing),
        tokens: createTokens(secrets.token),
      },
    });
  } catch (error) {
    storage.close();
    throw error;
  }
}

/** Wires a host of its parts and catches up with the log; it lets the storage go when it is stopped. */
export async function wireHost(parts: HostParts): Promise<Host> {
  const { storage, settings, logger, runners, clock, timers, random, ids, caller } = parts;
  const { log, views } = storage;
  const stopping = new AbortController();
  const outgoing = { ...parts.keys, publicUrl: settings.publicUrl ?? '', userAgent: `Errand/${version}` };
  const storing = { log, ids, cacheEntries: cachedStreams };
  const store = createTaskStore(storing);
  const schedules = createScheduleStore(storing);
  const orchestrations = createOrchestrationStore(storing);

  const projectFeed = createProjectFeed(storage, logger, timers);
  const scheduler: Scheduler = new Scheduler({
    clock,
    timers,
    logger,
    concurrency: settings.concurrency,
    capacity: heldWakes,
    waitingPerTarget,
    run: (job) => runJob(job),
    loadDue: async (query) => {
      await projectFeed.catchUp();
      return views.due(query);
    },
  });
  const secondTries = createSecondTries({ wakes: scheduler, logger, timers });
  const ports: WakePorts = {
    store,
    schedules,
    orchestrations,
    recurrences,
    clock,
    random,
    caller,
    outgoing,
    runners,
    logger,
    stopping: stopping.signal,
    underWay: new Set(),
    wakes: scheduler,
  };

  async function runJob({ kind, wake }: Job): Promise<void> {
    if (kind === 'callback') await deliverCallback(ports, wake.stream, await store.load(wake.stream, wake.version), true);
    else
      await handleWake(ports, wake).catch((error: unknown) => {
        if (!secondTries.take(wake, error)) throw error;
      });
  }

  const bus = new InProcessBus();
  bus.subscribe((event) => {
    if (event.facts.callback) scheduler.deliver(callbackWake(event));
  });
  const dispatching = createDispatchFeed(storage, { wakes: scheduler, bus, clock, timers, logger });

  const creating = {
    store,
    clock,
    ids,
    sealer: outgoing.sealer,
    digest: sha256Digest,
    input: { egress: settings.egress, refusedLiteral, runner: (name: string) => runners.get(name) ?? null },
  };
  const spool =
    settings.ingestDir === undefined
      ? null
      : await openSpool({ dir: settings.ingestDir, create: (text) => createFromEvent(creating, text), clock, logger });

  const api = createApi({
    ...creating,
    schedules,
    orchestrations,
    recurrences,
    log,
    views,
    random,
    tokens: outgoing.tokens,
    logger,
    access:
      settings.apiKeys.length === 0
        ? { to: 'everybody' }
        : { to: 'key holders', keyHashes: settings.apiKeys.map((key) => sha256Digest.sha256(key)) },
    version,
    documentation,
    events: 'streamed',
    health: async () => ({ host: 'server', ...scheduler.status() }),
    feedLagMs: async () => {
      const [oldest] = log.readAll(projectFeed.position, 1);
      return oldest === undefined ? 0 : Math.max(0, clock.now() - oldest.occurredAt);
    },
  });

  await projectFeed.catchUp();
  const orphans = views.streamsWithStatus('running');
  if (orphans.length > 0) logger.warn('attempts were running when the last process ended', { attempts: orphans.length });
  await interruptAttempts(ports, orphans);

  return {
    api,
    storage,
    logger,
    async start(publicUrl) {
      outgoing.publicUrl = settings.publicUrl ?? publicUrl;
      projectFeed.start();
      await scheduler.start();
      dispatching.feed.start();
      await dispatching.feed.catchUp();
      spool?.start();
    },
    async stop(waitMs) {
      await spool?.stop();
      dispatching.drain();
      const ended = scheduler.stop();
      const limit = new AbortController();
      await Promise.race([ended, clock.sleep(waitMs, limit.signal)]);
      stopping.abort();
      await ended;
      secondTries.stop();
      limit.abort();
      await dispatching.feed.stop();
      await projectFeed.stop();
      dispatching.saveCheckpoint();
      await caller.close();
      storage.close();
    },
  };
}

/** The terminal event of a task that asks for a callback: its first try is made at once. */
function callbackWake({ stream, version: at, facts }: StoredEvent): Wake {
  return { stream, version: at, dueAt: 0, target: facts.target, lane: facts.lane };
}
