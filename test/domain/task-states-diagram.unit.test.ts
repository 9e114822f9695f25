import fc from 'fast-check';
import { evolve } from '../../src/domain/task/evolve.ts';
import { initialTask } from '../../src/domain/task/state.ts';
import { testDiagram } from './states-diagram.ts';
import { anyHistory, anyStep, commandFor } from './task-arbitraries.ts';
import { append, noHistory, perform } from './task-histories.ts';

const histories = fc
  .sample(fc.tuple(anyHistory, anyStep), { seed: 11, numRuns: 5_000 })
  .map(([begun, step]) => perform(begun, commandFor(begun, step)).history.events);

testDiagram({
  document: 'task-states.md',
  initial: initialTask,
  evolve,
  // No command erases: a job run by an operator leaves this stub.
  histories: [...histories, append(noHistory, { type: 'Erased', data: {} }).events],
  // The law lets any Callback* follow a deletion; that nothing is reopened then is up to the decider.
  folds: ['deleted > CallbackReopened'],
});
