import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { startProcess, temporaryDataDir } from './processes.ts';

/** Milliseconds of each task, in no order. */
export type Samples = readonly number[];
/** The way of an immediate task, hop by hop, and how late delayed ones were: never early means that none is below zero. */
export type Latencies = {
  readonly immediate: {
    /** From sending the request to its answer. */
    readonly accepted: Samples;
    /** From the event of the command to that of the attempt: stream, `dispatch`, queue, `wake`. */
    readonly started: Samples;
    /** From the event of the attempt to the target. */
    readonly called: Samples;
    /** From the target's call to the event of the outcome. */
    readonly recorded: Samples;
    /** From that event to the receiver of the callback: stream, `dispatch`, bus, queue, `callback`. */
    readonly told: Samples;
    /** From the answer to the POST to the target: what the owner's target is about. */
    readonly whole: Samples;
  };
  /** From the time a task was due to the target. */
  readonly delayed: Samples;
};

export type Load = { readonly immediate: number; readonly delayed: number; readonly perSecond: number };

/** Delays of delayed tasks are spread evenly over these milliseconds, whole seconds or not. */
const shortestDelayMs = 500;
const longestDelayMs = 12_000;
const limitMs = 60_000;
const warmUp = 5;

type Told = { readonly type: string; readonly occurredAt: string };

/**
 * Creates tasks at a steady rate on the AWS host with the delays that others measured on AWS, and watches them from outside. The host
 * is a process of its own; target and client are this one. Takes as long as the load, and a dozen seconds more.
 */
export async function measureLatencies(load: Load): Promise<Latencies> {
  const called = new Map<string, number>();
  const told = new Map<string, number>();
  const server = createServer((request, response) => {
    const seen = request.url === '/told' ? told : called;
    const id = String(request.headers[request.url === '/told' ? 'webhook-id' : 'errand-task-id']).replace(/~callback~.*$/, '');
    if (!seen.has(id)) seen.set(id, Date.now());
    request.resume();
    response.writeHead(200, { 'content-length': 2 }).end('ok');
  });
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const target = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const environment = { PORT: '0', ERRAND_DATA_DIR: temporaryDataDir(), ERRAND_LOG_LEVEL: 'warn' };
  const host = await startProcess('test/aws-host/main.ts', environment, [], ['--published-delays']);

  async function create(task: Readonly<Record<string, unknown>>): Promise<number> {
    const answer = await fetch(`${host.url}/tasks`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ request: { url: `${target}/simple`, body: { order: 4_711 } }, ...task }),
    });
    const answeredAt = Date.now();
    if (answer.status !== 201) throw new Error(`POST /tasks answered ${answer.status}: ${await answer.text()}`);
    await answer.arrayBuffer();
    return answeredAt;
  }

  async function all(count: number, begin: (n: number) => Promise<void>): Promise<void> {
    const begun: Promise<void>[] = [];
    const beganAt = performance.now();
    for (let n = 0; n < count; n += 1) {
      await pause(Math.max(0, (n * 1_000) / load.perSecond - (performance.now() - beganAt)));
      begun.push(begin(n));
    }
    await Promise.all(begun);
  }

  async function within(what: string, holds: () => boolean): Promise<void> {
    const end = performance.now() + limitMs;
    while (!holds()) {
      if (performance.now() > end) throw new Error(`${what} did not come within ${limitMs} ms`);
      await pause(20);
    }
  }

  try {
    // Connections and compiled code: cold starts are not what this is about, nor could they be measured here.
    for (let n = 0; n < warmUp; n += 1) await create({ id: `warm-${n}`, callback: { url: `${target}/told` } });
    await within('the first tasks', () => told.size === warmUp);

    const [sentAt, answeredAt, dueAt] = [new Map<string, number>(), new Map<string, number>(), new Map<string, number>()];
    // Both at once, so that neither has the machine to itself.
    await Promise.all([
      all(load.immediate, async (n) => {
        const id = `now-${n}`;
        sentAt.set(id, Date.now());
        answeredAt.set(id, await create({ id, callback: { url: `${target}/told` } }));
      }),
      all(load.delayed, async (n) => {
        const runAt =
          Date.now() + Math.round(shortestDelayMs + ((longestDelayMs - shortestDelayMs) * ((n * 37) % load.delayed)) / load.delayed);
        dueAt.set(`at-${n}`, runAt);
        await create({ id: `at-${n}`, runAt });
      }),
    ]);
    await within('the calls of all tasks', () => called.size === warmUp + load.immediate + load.delayed);
    await within('all callbacks', () => told.size === warmUp + load.immediate);

    const hops = { accepted: [], started: [], called: [], recorded: [], told: [], whole: [] } as Record<
      keyof Latencies['immediate'],
      number[]
    >;
    for (const [id, answered] of answeredAt) {
      const { events } = (await (await fetch(`${host.url}/tasks/${id}/events`)).json()) as { events: readonly Told[] };
      const at = (type: string): number => Date.parse(events.find((event) => event.type === type)?.occurredAt ?? '');
      const [scheduled, started, succeeded] = [at('TaskScheduled'), at('TaskStarted'), at('TaskSucceeded')];
      const [calledAt, toldAt] = [called.get(id) ?? Number.NaN, told.get(id) ?? Number.NaN];
      hops.accepted.push(answered - (sentAt.get(id) ?? Number.NaN));
      hops.started.push(started - scheduled);
      hops.called.push(calledAt - started);
      hops.recorded.push(succeeded - calledAt);
      hops.told.push(toldAt - succeeded);
      hops.whole.push(calledAt - answered);
    }
    const delayed = [...dueAt].map(([id, due]) => (called.get(id) ?? Number.NaN) - due);
    return { immediate: hops, delayed };
  } finally {
    await host.stop();
    server.closeAllConnections();
    server.close();
  }
}

/** The value below which a share of all samples lies. */
export function percentile(samples: Samples, share: number): number {
  const sorted = samples.toSorted((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
