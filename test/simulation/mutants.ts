/** One place in the code, and what stands there instead. `find` must be in the file exactly once. */
export type Edit = { readonly file: string; readonly find: string; readonly replace: string };
/** A way to break Errand. */
export type Mutant = {
  readonly name: string;
  readonly edits: readonly Edit[];
  readonly host: 'aws' | 'server';
  /** The simulation must catch it within so many seeds. */
  readonly seeds: number;
};

/** Bugs that a system like this one has had, or might get. A simulation that does not see them is blind. */
export const mutants: readonly Mutant[] = [
  {
    name: 'a lost reply is taken for a lost race',
    edits: [
      {
        file: 'test/simulation/services/event-table.ts',
        find: "held.event.commitId === given.commitId ? 'appended' : 'conflict'",
        replace: "'conflict'",
      },
    ],
    host: 'aws',
    seeds: 60,
  },
  {
    name: 'an outcome is taken from any attempt',
    edits: [
      {
        file: 'src/domain/task/decide.ts',
        find: "(state.status === 'running' || state.status === 'waiting') && state.startedVersion === startedVersion",
        replace: "state.status === 'running' || state.status === 'waiting'",
      },
    ],
    host: 'aws',
    seeds: 400,
  },
  {
    name: 'an attempt may begin at any time after its start',
    edits: [
      {
        file: 'src/application/attempt.ts',
        find: 'const beginBefore = { wall: state.leaseUntil - definition.timeoutMs - limits.leaseMarginMs, monotonic: monotonicEnd };',
        replace: 'const beginBefore = { wall: Number.POSITIVE_INFINITY, monotonic: monotonicEnd + 1e12 };',
      },
    ],
    host: 'aws',
    seeds: 60,
  },
  {
    name: 'the sweep heals nothing',
    edits: [
      {
        file: 'src/application/sweep-index.ts',
        find: 'if (known !== null) await heal(ports, marks.healedAt, now, goOn, report);',
        replace: '',
      },
    ],
    host: 'aws',
    seeds: 60,
  },
  {
    name: 'the server does not read its due index',
    edits: [{ file: 'src/server/host.ts', find: 'return views.due(query);', replace: 'return [];' }],
    host: 'server',
    seeds: 60,
  },
  {
    name: 'what is due soon is left to the queue',
    edits: [
      {
        file: 'test/support/memory-read-models.ts',
        find: 'return wakeAt === null ? []',
        replace: 'return wakeAt === null || wakeAt - (state as { updatedAt: number }).updatedAt < 900_000 ? []',
      },
    ],
    host: 'aws',
    seeds: 60,
  },
  {
    name: 'a view is written whatever is stored',
    edits: [
      {
        file: 'test/support/memory-read-models.ts',
        find: 'if ((this.#views.get(after.stream)?.version ?? 0) !== (before?.version ?? 0)) {',
        replace: 'if (after.version < 0) {',
      },
    ],
    host: 'aws',
    seeds: 60,
  },
  {
    name: 'the projection trusts the order of arrival',
    edits: [
      {
        file: 'src/projections/project.ts',
        find: "return events.every((event, index) => event.version === version + 1 + index) ? events : 'gap';",
        replace: 'return events.map((event, index) => ({ ...event, version: version + 1 + index }));',
      },
    ],
    host: 'aws',
    seeds: 60,
  },
  {
    name: 'what happened is counted again when it comes again',
    edits: [
      {
        file: 'src/projections/project.ts',
        find: 'tallies: tally(events)',
        replace: 'tallies: tally(hints)',
      },
    ],
    host: 'aws',
    seeds: 60,
  },
  {
    name: 'a running task can be cancelled',
    edits: [
      {
        file: 'src/domain/task/decide.ts',
        find: "if (state.status !== 'scheduled' && state.status !== 'waiting') return wrongStatus(state);\n  return happened({ type: 'TaskCancelled'",
        replace: "return happened({ type: 'TaskCancelled'",
      },
    ],
    host: 'aws',
    seeds: 200,
  },
  {
    name: 'a lease is shorter than its call',
    edits: [
      {
        file: 'src/domain/task/decide.ts',
        find: 'if (now < state.leaseUntil + limits.clockSkewMs)',
        replace: 'if (now < state.startedAt + 6_000)',
      },
      {
        file: 'src/domain/task/state.ts',
        find: 'return state.leaseUntil + limits.clockSkewMs;',
        replace: 'return state.startedAt + 6_000;',
      },
    ],
    host: 'aws',
    seeds: 60,
  },
  {
    name: 'a task may start before its time',
    edits: [
      {
        file: 'src/domain/task/decide.ts',
        find: "if (now < state.nextAttemptAt) return refused({ reason: 'not-due' });",
        replace: '',
      },
      { file: 'src/application/early-wake.ts', find: 'await clock.sleep(early);', replace: 'return true;' },
    ],
    host: 'aws',
    seeds: 60,
  },
  {
    name: 'time may run backwards in a stream',
    edits: [
      {
        file: 'src/application/aggregate-store.ts',
        find: 'Math.max(now, aggregate.updatedAt(before))',
        replace: 'now',
      },
    ],
    host: 'aws',
    seeds: 60,
  },
  {
    name: 'an append is acknowledged before it is in the log',
    edits: [
      {
        file: 'src/application/aggregate-store.ts',
        find: 'const outcome = await log.append(stored, snapshotOf(state)).catch((error: unknown) => {',
        replace:
          "void log.append(stored, snapshotOf(state)).catch(() => undefined);\n      const outcome = await Promise.resolve<'appended' | 'conflict'>('appended').catch((error: unknown) => {",
      },
    ],
    host: 'server',
    seeds: 60,
  },
  {
    name: 'an occurrence gets another id at each look',
    edits: [
      {
        file: 'src/application/schedule-looks.ts',
        find: 'isFresh ? await createChild(ports, named.taskId, await make()) : await makeSureOfChild(ports, named.taskId, make)',
        replace: "await createChild(ports, named.taskId + '-' + ports.clock.now(), await make())",
      },
    ],
    host: 'aws',
    seeds: 60,
  },
  {
    name: 'the task of an occurrence is made once, or never',
    edits: [
      {
        file: 'src/domain/schedule/state.ts',
        find: 'if (state.unconfirmed !== null) looks.push(state.unconfirmed.namedAt + limits.childHealMs);',
        replace: '',
      },
    ],
    host: 'aws',
    seeds: 400,
  },
  {
    name: 'any task of its id is taken for a child',
    edits: [
      {
        file: 'src/application/children.ts',
        find: 'return known === null || sameValue(known.definition.origin, origin);',
        replace: 'return true;',
      },
    ],
    host: 'server',
    seeds: 200,
  },
  {
    name: 'a child is called after its orchestration was cancelled',
    edits: [
      {
        file: 'src/application/attempt.ts',
        find: 'return mayCall(state, origin.role, run);',
        replace: 'return true;',
      },
    ],
    host: 'aws',
    seeds: 400,
  },
  {
    name: 'the read models say how far they are before they are',
    edits: [
      {
        file: 'src/server/change-feeds.ts',
        find: 'handle: (records, position) => project({ log, views, onBroken }, records, position),',
        replace:
          'handle: async (records, position) => {\n      await views.write([], position);\n      await project({ log, views, onBroken }, records);\n    },',
      },
    ],
    host: 'server',
    seeds: 60,
  },
  {
    name: 'a callback is tried once',
    edits: [
      {
        file: 'src/domain/task/decide.ts',
        find: 'const delayMs = retryable ? callbackDelayMs({ attempt, random: command.random, retryAfterMs }) : null;',
        replace: 'const delayMs = null;',
      },
    ],
    host: 'server',
    seeds: 60,
  },
  {
    name: 'what the bus does not take is forgotten',
    edits: [
      {
        file: 'src/handlers/dispatch-batch.ts',
        find: '...unpublished.map(({ stream, version }) => ({ stream, version })),',
        replace: '',
      },
    ],
    host: 'aws',
    seeds: 60,
  },
  {
    name: 'a schedule fires while it is paused',
    edits: [
      {
        file: 'src/domain/schedule/state.ts',
        find: "if (state.status === 'active') {\n    if (state.next !== null) looks.push",
        replace: "if (state.status === 'active') {\n    if (state.next === null) looks.push",
      },
    ],
    host: 'aws',
    seeds: 60,
  },
];
