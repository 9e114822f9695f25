import type { RepairItem, RepairQueue } from '../../../src/adapters/aws/repair-queue.ts';
import { refusedLiteral } from '../../../src/adapters/http/public-address.ts';
import type { Wake } from '../../../src/application/ports.ts';
import type { SweepMarks } from '../../../src/application/sweep-index.ts';
import { callbackBatch } from '../../../src/handlers/callback-batch.ts';
import { dispatchBatch } from '../../../src/handlers/dispatch-batch.ts';
import { createApi } from '../../../src/handlers/http/api.ts';
import type { HttpEvent, HttpResponse } from '../../../src/handlers/http/http-types.ts';
import { projectBatch } from '../../../src/handlers/project-batch.ts';
import { repairBatch } from '../../../src/handlers/repair-batch.ts';
import { sweepRun } from '../../../src/handlers/sweep-run.ts';
import type { Telemetry } from '../../../src/handlers/telemetry.ts';
import { logOrUnavailable, viewsOrUnavailable } from '../../../src/handlers/unavailable.ts';
import { wakeBatch } from '../../../src/handlers/wake-batch.ts';
import { rebuild } from '../../../src/projections/rebuild.ts';
import { SimulatedProcess } from '../kernel/process.ts';
import type { World } from '../kernel/world.ts';
import { eventId, SimulatedBus } from '../services/bus.ts';
import { EventTable } from '../services/event-table.ts';
import { StreamFeed } from '../services/feed.ts';
import { type Handle, LambdaFunction } from '../services/functions.ts';
import { MessageQueue } from '../services/message-queue.ts';
import type { Targets } from '../services/targets.ts';
import { ViewTable } from '../services/view-table.ts';
import { wakeMessages } from '../services/wake-messages.ts';
import type { SimulatedHost } from './host.ts';
import { portsOf } from './ports.ts';

const second = 1_000;
const minute = 60 * second;
/** As in serverless.yml and infrastructure/queues.yml. */
const visibilityMs = { wake: 360 * second, wakeLong: 5_400 * second, callback: 360 * second, repair: 360 * second };
const maxReceives = 5;
const operatorAfterMs = 10 * minute;

type QueueName = keyof typeof visibilityMs;
type FunctionName = QueueName | 'api' | 'dispatch' | 'project' | 'sweep';

/** The AWS host: the real handlers, each invocation in a process that may die, on simulated services. */
export function createAwsHost(world: World, targets: Targets): SimulatedHost {
  const table = new EventTable(world);
  const views = new ViewTable(world);
  const givenUp = new Set<string>();
  let rebuilding = false;
  let troubledUntil = 0;
  let marks: SweepMarks | null = null;

  const functionOf = (name: string, timeoutMs: number, wire: (process: SimulatedProcess) => Handle) =>
    new LambdaFunction(world, { name, timeoutMs, wire });
  const telemetryOf = (logger: Telemetry['logger']): Telemetry => ({
    logger,
    count: () => undefined,
    attempt: () => undefined,
    during: (_context, work) => work(),
  });
  /** Everything a function is wired with. */
  const wired = (process: SimulatedProcess) => {
    const ports = portsOf(process, table.from(process), 0);
    return {
      ...ports,
      views: views.from(process),
      caller: targets.from(process),
      bus: bus.from(process),
      wakes: wakeMessages(process, (lane) => queues[lane === 'short' ? 'wake' : 'wakeLong']),
      repair: repairFrom(process),
      telemetry: telemetryOf(ports.logger),
    };
  };

  const wakeFunction = (lane: Wake['lane'], timeoutMs: number) =>
    functionOf(`wake-${lane}`, timeoutMs, (process) => {
      const ports = { ...wired(process), lane };
      return (event, context) => wakeBatch(ports, event, context);
    });
  const functions: Readonly<Record<FunctionName, LambdaFunction>> = {
    api: functionOf('api', 20 * second, (process) => {
      const ports = wired(process);
      const log = logOrUnavailable(ports.log);
      const own = portsOf(process, log, 0);
      const api = createApi({
        ...own,
        views: viewsOrUnavailable(ports.views),
        input: { egress: 'public', refusedLiteral, runner: () => null },
        access: { to: 'everybody' },
        version: 'simulated',
        documentation: { openApi: () => ({}), page: () => '' },
        events: 'unavailable',
        health: async () => ({}),
        feedLagMs: async () => 0,
      });
      return (event) => api(event as HttpEvent);
    }),
    dispatch: functionOf('dispatch', 30 * second, (process) => {
      const ports = wired(process);
      return (event) => dispatchBatch(ports, event);
    }),
    project: functionOf('project', 60 * second, (process) => {
      const ports = wired(process);
      return (event) => projectBatch(ports, event);
    }),
    wake: wakeFunction('short', 60 * second),
    wakeLong: wakeFunction('long', 900 * second),
    callback: functionOf('callback', 60 * second, (process) => {
      const ports = wired(process);
      return (event, context) => callbackBatch(ports, event, context);
    }),
    repair: functionOf('repair', 60 * second, (process) => {
      const ports = wired(process);
      return (event) => repairBatch(ports, event);
    }),
    sweep: functionOf('sweep', 55 * second, (process) => {
      const { views: index, wakes, clock, telemetry } = wired(process);
      const ports = {
        due: index.due,
        wakes,
        marks: {
          read: () => process.call('a read of the marks', 5, () => marks),
          write: (written: SweepMarks) =>
            process.call('the write of the marks', 5, () => {
              marks = written;
            }),
        },
        backlog: () => process.call('a look at the queues', 10, () => queues.wake.backlog + queues.wakeLong.backlog),
        clock,
        telemetry,
      };
      return (_event, context) => sweepRun(ports, context);
    }),
  };

  const queueOf = (name: QueueName, batch: number, concurrency: number) =>
    new MessageQueue(world, {
      name,
      visibilityMs: visibilityMs[name],
      maxReceives,
      // What waits there stands in no index.
      mayLose: name !== 'repair',
      batch,
      concurrency,
      invoke: (event) => functions[name].invoke(event),
      onDead: (body) => {
        world.note(`a dead letter of ${name}: ${body}`);
        if (name !== 'repair') return;
        const { stream, version } = JSON.parse(body) as RepairItem;
        giveUp('dispatch', { stream, version });
        giveUp('project', { stream, version });
      },
    });
  const queues: Readonly<Record<QueueName, MessageQueue>> = {
    wake: queueOf('wake', 10, 20),
    wakeLong: queueOf('wakeLong', 1, 20),
    callback: queueOf('callback', 10, 5),
    repair: queueOf('repair', 1, 2),
  };

  const bus = new SimulatedBus(world, (event) => {
    // The rule of the bus: what opens a callback goes to its queue.
    if (event.facts.callback) queues.callback.send(JSON.stringify({ detail: { id: eventId(event), callback: true } }), 0);
  });

  function repairFrom(process: SimulatedProcess): RepairQueue {
    return {
      send: (items) =>
        process.call(`the parking of ${items.length} events`, 20, () => {
          const refused = world.faults.strike('partly taken') ? items.slice(0, 1) : [];
          for (const { stream, version } of items.slice(refused.length)) queues.repair.send(JSON.stringify({ stream, version }), 0);
          return refused;
        }),
    };
  }

  /** An alarm tells the operator, who makes the read models anew (docs/deploy.md). What the bus did not hear of, it never will. */
  function giveUp(reader: 'dispatch' | 'project', event: { readonly stream: string; readonly version: number }): void {
    if (reader === 'dispatch') givenUp.add(`dispatch ${eventId(event)}`);
    else if (!rebuilding) {
      rebuilding = true;
      world.timeline.after(operatorAfterMs, () => void rebuildViews());
    }
  }

  async function rebuildViews(): Promise<void> {
    const process = new SimulatedProcess(world, 'operator');
    const { log, views: written, logger } = wired(process);
    const broken: string[] = [];
    async function* parts() {
      for (const stream of table.streams()) yield { events: await log.read(stream, { after: 0 }) };
    }
    const onBroken = (stream: string, error: unknown): void => void broken.push(`${stream}: ${String(error)}`);
    const rebuilt = rebuild({ log, views: written, onBroken, parts: parts(), progress: () => undefined }).then(() => 'rebuilt');
    const died = new Promise<string>((resolve) => process.onDeath(() => resolve('died')));
    const outcome = await Promise.race([rebuilt, died]).catch(String);
    for (const each of broken) world.violate('P2', each);
    world.note(`the operator's rebuild: ${outcome}`);
    rebuilding = false;
    if (outcome !== 'rebuilt') return giveUp('project', { stream: '', version: 0 });
    // As the command does: the next sweep looks at the whole index.
    marks = { loadedUntil: 0, loadedPast: null, healedAt: world.now };
    troubledUntil = world.now;
    logger.info('rebuilt');
  }

  const feedOf = (name: 'dispatch' | 'project', batch: number, windowMs: number) =>
    new StreamFeed(world, {
      name,
      shards: 3,
      batch,
      windowMs,
      invoke: (event) => functions[name].invoke(event),
      onGivenUp: (event, why) => {
        world.note(`${name} gave up ${eventId(event)}: ${why}`);
        giveUp(name, event);
      },
    });
  const feeds = [feedOf('dispatch', 100, 0), feedOf('project', 1_000, second)];
  table.onAppend(({ event }) => {
    for (const feed of feeds) feed.push(event);
  });

  const sweepEveryMinute = (): void => {
    world.timeline.after(minute, sweepEveryMinute);
    // One at a time, as its concurrency is reserved to be one.
    if (functions.sweep.underWay === 0 && !world.faults.strike('sweep missed')) void functions.sweep.invoke({});
  };
  sweepEveryMinute();

  return {
    name: 'aws',
    table,
    targets,
    views: () => views.table,
    givenUp,
    troubledUntil: () => Math.max(troubledUntil, ...feeds.map(({ stalledUntil }) => stalledUntil)),
    told: bus.told,
    request: (event) => functions.api.invoke<HttpResponse>(event),
    heal: () => undefined,
    isIdle: () =>
      !rebuilding &&
      feeds.every((feed) => feed.idle) &&
      Object.values(queues).every((queue) => queue.idle) &&
      Object.values(functions).every(({ underWay }) => underWay === 0),
  };
}
