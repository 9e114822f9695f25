import fc from 'fast-check';
import { evolve } from '../../src/domain/schedule/evolve.ts';
import { initialSchedule } from '../../src/domain/schedule/state.ts';
import { anyPast } from './schedule-arbitraries.ts';
import { append, noHistory } from './schedule-histories.ts';
import { testDiagram } from './states-diagram.ts';

const histories = fc.sample(anyPast, { seed: 11, numRuns: 3_000 }).map((past) => past.at(-1)?.events ?? []);

testDiagram({
  document: 'schedule-states.md',
  initial: initialSchedule,
  evolve,
  // No command erases: a job run by an operator leaves this stub.
  histories: [...histories, append(noHistory, { type: 'Erased', data: {} }).events],
});
