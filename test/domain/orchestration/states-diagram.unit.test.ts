import fc from 'fast-check';
import { evolve } from '../../../src/domain/orchestration/evolve.ts';
import { initialOrchestration } from '../../../src/domain/orchestration/state.ts';
import { testDiagram } from '../states-diagram.ts';
import { anyHistory } from './arbitraries.ts';
import { append, noHistory } from './histories.ts';

const histories = fc.sample(anyHistory, { seed: 11, numRuns: 5_000 }).map(({ events }) => events);

testDiagram({
  document: 'orchestration-states.md',
  initial: initialOrchestration,
  evolve,
  // No command erases: a job run by an operator leaves this stub.
  histories: [...histories, append(noHistory, { type: 'Erased', data: {} }).events],
  // While it runs, what counts is where it stands.
  nameOf: (state) => (state.status === 'running' ? state.position.at.replace('-', '_') : state.status),
  within: { running: ['step_due', 'step', 'check_due', 'check', 'fallback_due', 'fallback', 'end'] },
});
