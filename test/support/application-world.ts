import { sha256Digest } from '../../src/adapters/crypto/digest.ts';
import { createSealer } from '../../src/adapters/crypto/sealer.ts';
import { createSigner } from '../../src/adapters/crypto/signer.ts';
import { createTokens } from '../../src/adapters/crypto/tokens.ts';
import { recurrences } from '../../src/adapters/recurrence/recurrences.ts';
import { deliverCallback } from '../../src/application/callback.ts';
import { createOrchestrationStore } from '../../src/application/orchestration-store.ts';
import type { EventLog, StoredEvent } from '../../src/application/ports.ts';
import type { Runner } from '../../src/application/runner.ts';
import { createScheduleStore } from '../../src/application/schedule-store.ts';
import type { TaskCommandPorts } from '../../src/application/task-commands.ts';
import { scheduleTask } from '../../src/application/task-commands.ts';
import type { TaskInput } from '../../src/application/task-input.ts';
import { createTaskStore, taskStream } from '../../src/application/task-store.ts';
import { handleWake, type WakePorts } from '../../src/application/wake.ts';
import { callbackSpec, epoch } from '../domain/task-histories.ts';
import { MemoryEventLog } from './memory-event-log.ts';
import { MemoryWakeQueue } from './memory-wake-queue.ts';
import { ScriptedCaller } from './scripted-caller.ts';
import { rememberingLogger } from './silent-logger.ts';
import { VirtualClock } from './virtual-clock.ts';

/** What several processes of one Errand share. */
type Shared = { readonly clock: VirtualClock; readonly log: MemoryEventLog; readonly wakes: MemoryWakeQueue };
export type WorldOptions = {
  readonly cacheEntries?: number;
  readonly runners?: Readonly<Record<string, Runner>>;
  /** Another process on the same log and clock. */
  readonly beside?: Shared;
  /** What this process sees of the log. */
  readonly through?: (log: MemoryEventLog) => EventLog;
};
export type World = ReturnType<typeof createWorld>;

let worlds = 0;

/** One process of Errand on in-memory ports, in a time of its own. Signing, sealing and tokens are the real ones. */
export function createWorld(options: WorldOptions = {}) {
  worlds += 1;
  const name = `process-${worlds}`;
  const clock = options.beside?.clock ?? new VirtualClock(epoch);
  const log = options.beside?.log ?? new MemoryEventLog();
  const wakes = options.beside?.wakes ?? new MemoryWakeQueue();
  const caller = new ScriptedCaller(clock);
  const logger = rememberingLogger();
  const stopping = new AbortController();
  let commits = 0;
  const ids = {
    taskId: () => `made-${log.streams().length}`,
    commitId: () => {
      commits += 1;
      return `${name}.${commits}`;
    },
  };
  const sealer = createSealer([new Uint8Array(32).fill(1)]);
  const tokens = createTokens([new Uint8Array(32).fill(2)]);
  const signer = createSigner([`whsec_${Buffer.alloc(32, 3).toString('base64')}`]);
  const outgoing = { sealer, tokens, signer, publicUrl: 'https://errand.example', userAgent: 'Errand/test' };
  const storing = { log: options.through?.(log) ?? log, ids, cacheEntries: options.cacheEntries ?? 0 };
  const store = createTaskStore(storing);
  const ports: WakePorts & TaskCommandPorts = {
    store,
    schedules: createScheduleStore(storing),
    orchestrations: createOrchestrationStore(storing),
    recurrences,
    clock,
    ids,
    sealer,
    tokens,
    digest: sha256Digest,
    random: { next: () => 0.5 },
    caller,
    outgoing,
    runners: new Map(Object.entries(options.runners ?? {})),
    logger,
    stopping: stopping.signal,
    underWay: new Set(),
    wakes,
  };
  return {
    clock,
    log,
    wakes,
    caller,
    logger,
    stopping,
    store,
    ports,
    /** Looks at a task now, as a wake of its newest version does. */
    async wake(id: string): Promise<void> {
      const version = log.events(taskStream(id)).length;
      await handleWake(ports, { stream: taskStream(id), version, dueAt: clock.now(), target: null, lane: 'short' });
    },
    /** The bus asks for the first try of a callback. */
    async deliverFirst(id: string): Promise<void> {
      await deliverCallback(ports, taskStream(id), await store.load(taskStream(id)), true);
    },
    async state(id: string) {
      return (await createTaskStore({ log, ids, cacheEntries: 0 }).load(taskStream(id))).state;
    },
    events: (id: string): readonly StoredEvent[] => log.events(taskStream(id)),
    types: (id: string): readonly string[] => log.events(taskStream(id)).map(({ type }) => type),
    schedule: (id: string, parts: Partial<TaskInput> = {}) =>
      scheduleTask(ports, { ...taskInput(id, clock.now()), ...parts }, { content: id, idempotencyId: null }),
  };
}

const encoder = new TextEncoder();

/** A task that posts a small JSON body, tried up to three times two seconds apart. */
export function taskInput(id: string, runAt: number): TaskInput {
  return {
    id,
    action: {
      kind: 'http',
      url: 'https://shop.example/orders',
      target: 'https://shop.example:443',
      method: 'POST',
      headers: [],
      secretHeaders: [],
      body: { kind: 'json', bytes: encoder.encode('{"a":1}') },
    },
    runAt,
    delayMs: null,
    strategy: 'await',
    timeoutMs: 10_000,
    completeWithinMs: 60_000,
    retry: { backoff: 'fixed', maxAttempts: 3, initialDelayMs: 2_000, factor: 1, maxDelayMs: 60_000, jitter: 0 },
    callback: null,
    labels: {},
    priority: 0,
    startBeforeMs: null,
  };
}

export const callbackInput = { ...callbackSpec, headers: [] };
