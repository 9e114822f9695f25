import type { DueQuery, ListPage, ListQuery, ReadModels, Statistics, Tally, View, ViewWrite, Wake } from '../../src/application/ports.ts';
import { factsOfStream, isListed, kindOf, type LiveState, type StreamKind, type StreamStates } from '../../src/domain/streams.ts';
import type { TaskStatus } from '../../src/domain/task/state.ts';

const statuses: readonly TaskStatus[] = ['scheduled', 'running', 'waiting', 'succeeded', 'failed', 'cancelled'];
const windowMinutes = 60;

/** Read models in memory: views by stream, everything else found by looking at all of them. Slow, and plainly right. */
export class MemoryReadModels implements ReadModels {
  readonly #views = new Map<string, View>();
  readonly #minutes: Tally[] = [];
  /** Runs before a write looks at what is stored, as a faster twin would. */
  beforeWrite: () => Promise<void> | void = () => undefined;
  checkpoint: number | null = null;

  async read(streams: readonly string[]): Promise<ReadonlyMap<string, View>> {
    return new Map(
      streams.flatMap((stream) => {
        const view = this.#views.get(stream);
        return view === undefined ? [] : [[stream, view] as const];
      }),
    );
  }

  async write(writes: readonly ViewWrite[], checkpoint?: number): Promise<readonly string[]> {
    await this.beforeWrite();
    const behind: string[] = [];
    for (const { before, after, tallies } of writes) {
      if ((this.#views.get(after.stream)?.version ?? 0) !== (before?.version ?? 0)) {
        behind.push(after.stream);
        continue;
      }
      this.#views.set(after.stream, structuredClone(after));
      this.#minutes.push(...tallies);
    }
    if (checkpoint !== undefined && behind.length === 0) this.checkpoint = checkpoint;
    return behind;
  }

  async due({ until, limit, target, after }: DueQuery): Promise<readonly Wake[]> {
    return this.dueRows()
      .filter((row) => row.dueAt <= until && (target === undefined || row.target === target))
      .filter((row) => after === undefined || row.dueAt > after.dueAt || (row.dueAt === after.dueAt && row.stream > after.stream))
      .slice(0, limit);
  }

  async list<Kind extends StreamKind>(query: ListQuery<Kind>): Promise<ListPage<Kind>> {
    const { kind, status, labels, from, to, after, limit } = query;
    const listed = [...this.#views.values()].flatMap((view) => (hasLiveState(view) && kindOf(view.stream) === kind ? [view] : []));
    const matching = listed
      .filter(({ state }) => status === null || state.status === status)
      .filter(({ stream, state }) => labels.every(([name, value]) => factsOfStream(stream, state).labels[name] === value))
      .filter(({ state }) => (from === null || state.createdAt >= from) && (to === null || state.createdAt < to))
      .sort((left, right) => newestFirst(left.state, right.state))
      .filter(({ state }) => after === null || newestFirst(state, after) > 0);
    const views = matching.slice(0, limit);
    const last = views.at(-1)?.state;
    const next = matching.length > limit && last !== undefined ? { createdAt: last.createdAt, id: last.id } : null;
    return { views: views as readonly View[] as readonly View<StreamStates[Kind]>[], next };
  }

  async statistics(now: number): Promise<Statistics> {
    const tasks = [...this.#views.values()].filter(({ stream }) => kindOf(stream) === 'task');
    const states = tasks.map(({ state }) => state.status);
    const counts = Object.fromEntries(statuses.map((status) => [status, states.filter((other) => other === status).length]));
    const recent = this.#minutes.filter(({ minute }) => minute > Math.floor(now / 60_000) - windowMinutes);
    const sum = (name: 'started' | 'succeeded' | 'failed' | 'retried') => recent.reduce((total, tally) => total + tally[name], 0);
    return {
      counts: counts as Record<TaskStatus, number>,
      oldestDueAt: this.dueRows().find(({ stream }) => kindOf(stream) === 'task')?.dueAt ?? null,
      lastHour: { started: sum('started'), succeeded: sum('succeeded'), failed: sum('failed'), retried: sum('retried') },
    };
  }

  streamsWithStatus(status: TaskStatus): readonly string[] {
    return [...this.#views.values()].filter(({ state }) => state.status === status).map(({ stream }) => stream);
  }

  /** The whole due index, earliest first. */
  dueRows(): readonly Wake[] {
    return [...this.#views.values()]
      .flatMap(({ stream, version, state }): Wake[] => {
        const { wakeAt, target, lane } = factsOfStream(stream, state);
        return wakeAt === null ? [] : [{ stream, version, dueAt: wakeAt, target, lane }];
      })
      .sort((left, right) => left.dueAt - right.dueAt || (left.stream < right.stream ? -1 : 1));
  }
}

function hasLiveState(view: View): view is View<LiveState> {
  return isListed(view.state);
}

type Place = { readonly createdAt: number; readonly id: string };

export function newestFirst(left: Place, right: Place): number {
  if (left.createdAt !== right.createdAt) return right.createdAt - left.createdAt;
  return left.id === right.id ? 0 : left.id < right.id ? 1 : -1;
}
