import type { HttpResponse } from '../../../src/handlers/http/http-types.ts';
import { logOrUnavailable } from '../../../src/handlers/unavailable.ts';
import { type Host, wireHost } from '../../../src/server/host.ts';
import type { CheckpointedViews, Storage } from '../../../src/server/storage.ts';
import type { Timers } from '../../../src/server/timers.ts';
import { MemoryReadModels } from '../../support/memory-read-models.ts';
import { SimulatedProcess } from '../kernel/process.ts';
import type { World } from '../kernel/world.ts';
import { eventId } from '../services/bus.ts';
import { EventTable } from '../services/event-table.ts';
import type { Targets } from '../services/targets.ts';
import type { SimulatedHost } from './host.ts';
import { portsOf, publicUrl } from './ports.ts';

const second = 1_000;
const minute = 60 * second;
const longestStopMs = 40 * second;
/** How far somebody sets the wall clock of the one machine. */
const mostClockShiftMs = 60 * minute;

/** What lies on the disk of the server beside the log: written by whichever process runs, and made anew when it is gone. */
class ViewsOnDisk {
  models = new MemoryReadModels();
  checkpoints = new Map<string, number>();
  stateSchema = 0;

  lose(): void {
    this.models = new MemoryReadModels();
    this.checkpoints = new Map();
    this.stateSchema = 0;
  }
}

/** The server host: the real one, wired with simulated parts, in one process that is killed or stopped and started again. */
export function createServerHost(world: World, targets: Targets): SimulatedHost {
  const table = new EventTable(world);
  const disk = new ViewsOnDisk();
  const dice = world.dice('server');
  const told = new Map<string, number>();
  let current: { readonly process: SimulatedProcess; readonly host: Host | null } | null = null;
  let requests = 0;

  const viewsOf = (process: SimulatedProcess): CheckpointedViews => ({
    read: (streams) => process.call('a read of views', 2, () => disk.models.read(streams)),
    write: (writes, checkpoint) =>
      process.call(`the write of ${writes.length} views`, 3, async () => {
        const behind = await disk.models.write(writes, checkpoint);
        if (checkpoint !== undefined && behind.length === 0) disk.checkpoints.set('project', checkpoint);
        return behind;
      }),
    due: (query) => process.call('a read of the due index', 2, () => disk.models.due(query)),
    list: (query) => process.call('a read of a list', 2, () => disk.models.list(query)),
    statistics: (now) => process.call('a read of the statistics', 2, () => disk.models.statistics(now)),
    checkpoint: (name) => disk.checkpoints.get(name) ?? 0,
    saveCheckpoint: (name, position) => {
      if (process.alive) disk.checkpoints.set(name, position);
    },
    stateSchema: () => disk.stateSchema,
    startAnew: ({ stateSchema, dispatched }) => {
      disk.lose();
      disk.stateSchema = stateSchema;
      disk.checkpoints.set('dispatch', dispatched);
    },
    streamsWithStatus: (status) => disk.models.streamsWithStatus(status),
  });

  const storageOf = (process: SimulatedProcess): Storage => ({
    log: {
      ...logOrUnavailable(table.from(process, true)),
      readAll: (after, limit) =>
        table.entries.slice(after, after + limit).map(({ event }, index) => ({ ...event, position: after + index + 1 })),
      head: () => table.entries.length,
      onCommit: (listener) => table.onAppend(() => process.later(0, listener)),
      backlog: () => 0,
    },
    views: viewsOf(process),
    close: () => undefined,
  });

  const timersOf = (process: SimulatedProcess): Timers => ({
    after: (ms, run) => ({ cancel: process.later(ms, run) }),
    every(ms, run) {
      let cancel = process.later(ms, again);
      function again(): void {
        cancel = process.later(ms, again);
        // A sweep that is missed: the machine was suspended, or busy.
        if (!world.faults.strike('sweep missed')) run();
      }
      return { cancel: () => cancel() };
    },
    nextTurn: () => new Promise((resolve) => process.later(0, resolve)),
  });

  function start(): void {
    if (world.faults.strike('views lost')) disk.lose();
    const process = new SimulatedProcess(world, 'server');
    current = { process, host: null };
    process.onDeath(() => {
      current = null;
      world.timeline.after(dice.magnitude(200, 30 * second), start);
    });
    const ports = portsOf(process, table.from(process), 1);
    const wired = wireHost({
      storage: storageOf(process),
      settings: { apiKeys: [], concurrency: 64, egress: 'public', ingestDir: undefined, publicUrl },
      logger: ports.logger,
      runners: new Map(),
      clock: process.clock,
      timers: timersOf(process),
      random: ports.random,
      ids: ports.ids,
      caller: { ...targets.from(process), close: async () => undefined },
      keys: ports.outgoing,
    });
    wired
      .then(async (host) => {
        await host.start(publicUrl);
        current = { process, host };
      })
      // As the real one: it says why, and whoever looks after it starts it again.
      .catch((error: unknown) => process.kill(`it could not start: ${String(error)}`));
  }

  const troubleEveryMinute = (): void => {
    world.timeline.after(minute, troubleEveryMinute);
    const running = current;
    if (running?.host == null) return;
    if (world.faults.strike('server clock is set')) running.process.shiftClock(dice.whole(-mostClockShiftMs, mostClockShiftMs));
    const trouble = world.faults.first('server killed', 'server restarted');
    if (trouble === 'server killed') running.process.kill('somebody killed it');
    else if (trouble === 'server restarted') void stop(running.process, running.host);
  };

  async function stop(process: SimulatedProcess, host: Host): Promise<void> {
    current = { process, host: null };
    world.timeline.after(longestStopMs + 60 * second, () => process.kill('it took too long to stop'));
    await host.stop(longestStopMs).catch(() => undefined);
    process.kill('it has stopped');
  }

  table.onAppend(({ event }) => told.set(eventId(event), 1));
  start();
  troubleEveryMinute();

  return {
    name: 'server',
    table,
    targets,
    views: () => disk.models,
    givenUp: new Set(),
    troubledUntil: () => 0,
    told,
    async request(event) {
      const running = current;
      if (running?.host == null) return null;
      requests += 1;
      const dead = new Promise<null>((resolve) => running.process.onDeath(() => resolve(null)));
      const answer = await Promise.race([running.host.api(event), dead]);
      requests -= 1;
      return answer as HttpResponse | null;
    },
    heal() {
      // Somebody sets the clock right.
      current?.process.resetClock();
    },
    isIdle: () => requests === 0 && (disk.checkpoints.get('project') ?? 0) === table.entries.length,
  };
}
