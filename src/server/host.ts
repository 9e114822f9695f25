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
import type { Logger, StoredEvent, Wake } from '../application/ports.ts';
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

/** The single-node host: every port on this process, wired once. Throws if the data directory is in use or a setting is unusable. */
export async function createHost(settings: Settings, logger: Logger, runners: Runners): Promise<Host> {
  const storage = openStorage(settings.dataDir, logger);
  try {
    return await wireHost(storage, settings, logger, runners);
  } catch (error) {
    storage.close();
    throw error;
  }
}

async function wireHost(storage: Storage, settings: Settings, logger: Logger, runners: Runners): Promise<Host> {
  const { log, views } = storage;
  const secrets = loadSecrets(settings);
  if (hasShortSigningSecret(secrets)) logger.warn('a signing secret is shorter than the 24 bytes that Standard Webhooks asks for');
  const stopping = new AbortController();
  const outgoing = {
    sealer: createSealer(secrets.sealing),
    signer: createSigner(secrets.signing),
    tokens: createTokens(secrets.token),
    publicUrl: settings.publicUrl ?? '',
    userAgent: `Errand/${version}`,
  };
  const ids = createRandomIds(systemClock);
  const storing = { log, ids, cacheEntries: cachedStreams };
  const store = createTaskStore(storing);
  const schedules = createScheduleStore(storing);
  const orchestrations = createOrchestrationStore(storing);
  const caller = createHttpCaller({
    egress: settings.egress,
    connectionsPerTarget: Math.max(1, Math.floor(settings.concurrency / 4)),
    clock: systemClock,
  });

  const projectFeed = createProjectFeed(storage, logger);
  const scheduler: Scheduler = new Scheduler({
    clock: systemClock,
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
  const secondTries = createSecondTries({ wakes: scheduler, logger });
  const ports: WakePorts = {
    store,
    schedules,
    orchestrations,
    recurrences,
    clock: systemClock,
    random: systemRandom,
    caller,
    outgoing,
    runners,
    logger,
    stopping: stopping.signal,
    underWay: new Set(),
    wakes: scheduler,
  };

  async function runJob({ kind, wake }: Job): Promise<void> {
    try {
      if (kind === 'wake') await handleWake(ports, wake);
      else await deliverCallback(ports, wake.stream, await store.load(wake.stream, wake.version), true);
    } catch (error) {
      if (kind === 'wake' && secondTries.take(wake, error)) return;
      logger.error('a wake could not be handled; the sweep looks again', { stream: wake.stream, error: String(error) });
    }
  }

  const bus = new InProcessBus();
  bus.subscribe((event) => {
    if (event.facts.callback) scheduler.deliver(callbackWake(event));
  });
  const dispatching = createDispatchFeed(storage, { wakes: scheduler, bus, clock: systemClock, logger });

  const creating = {
    store,
    clock: systemClock,
    ids,
    sealer: outgoing.sealer,
    digest: sha256Digest,
    input: { egress: settings.egress, refusedLiteral, runner: (name: string) => runners.get(name) ?? null },
  };
  const spool =
    settings.ingestDir === undefined
      ? null
      : await openSpool({ dir: settings.ingestDir, create: (text) => createFromEvent(creating, text), clock: systemClock, logger });

  const api = createApi({
    ...creating,
    schedules,
    orchestrations,
    recurrences,
    log,
    views,
    random: systemRandom,
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
      return oldest === undefined ? 0 : Math.max(0, systemClock.now() - oldest.occurredAt);
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
      secondTries.stop();
      const ended = scheduler.stop();
      const limit = new AbortController();
      await Promise.race([ended, systemClock.sleep(waitMs, limit.signal)]);
      stopping.abort();
      await ended;
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
