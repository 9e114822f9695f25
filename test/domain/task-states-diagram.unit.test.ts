import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TaskEventType } from '../../src/domain/task/events.ts';
import { evolve } from '../../src/domain/task/evolve.ts';
import { initialTask, type TaskState } from '../../src/domain/task/state.ts';
import { anyHistory, anyStep, commandFor } from './task-arbitraries.ts';
import { append, noHistory, perform, statesAlong } from './task-histories.ts';

const text = readFileSync(new URL('../../docs/task-states.md', import.meta.url), 'utf8');

/** The arrows of the mermaid diagram, as `from > event > to`. One arrow may carry several events, separated by commas. */
function drawnArrows(): ReadonlySet<string> {
  const diagram = /```mermaid\nstateDiagram-v2\n([\s\S]*?)```/.exec(text)?.[1] ?? '';
  const arrows = [...diagram.matchAll(/^\s*(\S+) --> (\S+): (.+)$/gm)].flatMap(([, from, to, events]) =>
    (events ?? '').split(',').map((event) => arrow(from === '[*]' ? 'missing' : (from ?? ''), event.trim(), to ?? '')),
  );
  return new Set(arrows);
}

const arrow = (from: string, event: string, to: string): string => `${from} > ${event} > ${to}`;

/** Every transition that shows while random histories are made and one more random command is decided at the end of each. */
function observedArrows(): ReadonlySet<string> {
  const observed = new Set<string>();
  // The seed is pinned: what is compared is the drawing with the code, and a rare transition must not come and go.
  for (const [begun, step] of fc.sample(fc.tuple(anyHistory, anyStep), { seed: 11, numRuns: 5_000 })) {
    const { events } = perform(begun, commandFor(begun, step)).history;
    const states = statesAlong(events);
    events.forEach(({ type }, index) => {
      observed.add(arrow(states[index]?.status ?? '', type, states[index + 1]?.status ?? ''));
    });
  }
  // No command erases: a job run by an operator leaves this stub.
  observed.add(arrow(noHistory.state.status, 'Erased', append(noHistory, { type: 'Erased', data: {} }).state.status));
  return observed;
}

const drawn = drawnArrows();
const observed = observedArrows();
const byName = (arrows: ReadonlySet<string>): readonly string[] => [...arrows].sort();

describe('the diagram of the task states', () => {
  it('draws something', () => {
    expect(drawn.size).toBeGreaterThan(20);
  });

  it.each(byName(drawn))('draws an arrow that is reachable: %s', (name) => {
    expect(byName(observed)).toContain(name);
  });

  it.each(byName(observed))('draws every transition that is reachable: %s', (name) => {
    expect(byName(drawn)).toContain(name);
  });

  it('explains every event that it draws', () => {
    const prose = text.replace(/```mermaid[\s\S]*?```/, '');
    for (const name of drawn) expect(prose).toContain(`\`${name.split(' > ')[1]}\``);
  });
});

describe('folding an event that cannot follow', () => {
  const sample = fc.sample(anyHistory, { seed: 13, numRuns: 1_000 });
  const states = new Map<TaskState['status'], TaskState>([['missing', initialTask]]);
  const events = new Map<TaskEventType, (typeof sample)[number]['events'][number]>();
  for (const history of sample) {
    statesAlong(history.events).forEach((state, version) => {
      states.set(state.status, state);
      const event = history.events[version - 1];
      if (event !== undefined) events.set(event.type, event);
    });
  }
  const pairs = [...states.values()].flatMap((state) =>
    [...events.values()].map((event) => ({ state, event, from: state.status, type: event.type })),
  );
  const drawnFrom = new Set([...drawn].map((name) => name.split(' > ').slice(0, 2).join(' > ')));
  // The law lets any Callback* follow a deletion; that nothing is reopened then is up to the decider.
  drawnFrom.add('deleted > CallbackReopened');
  const undrawn = pairs.filter(({ from, type }) => !drawnFrom.has(`${from} > ${type}`));

  it.each(undrawn)('$type after $from means a broken log', ({ state, event }) => {
    expect(() => evolve(state, { ...event, version: state.version + 1 })).toThrow(/cannot follow status/);
  });
});
