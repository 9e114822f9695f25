import { expect, test } from 'vitest';
import { compareReadModels, type StoredRow, type StoredRows } from '../../src/projections/rebuild.ts';

/** Read models of one view. */
function holding(columns: StoredRow['columns']): StoredRows {
  const row = { key: ['task#a'], columns };
  return { tables: ['views'], scan: () => [row], find: async () => row };
}

async function differing(stored: StoredRow['columns'], rebuilt: StoredRow['columns']): Promise<readonly string[]> {
  const { differences } = await compareReadModels(holding(stored), holding(rebuilt), 10);
  return differences.flatMap(({ columns }) => columns.map(({ name }) => name));
}

test('states are the same whatever the order in which their fields were written', async () => {
  const stored = { version: 1, state: '{"status":"active","next":{"dueAt":1,"fireAt":2},"lastRuns":[1,2]}' };
  const state = '{"next":{"fireAt":2,"dueAt":1},"lastRuns":[1,2],"status":"active"}';
  expect(await differing(stored, { version: 1, state })).toEqual([]);
});

test.each([
  ['another value', '{"status":"active","lastRuns":[2,1]}'],
  ['a field less', '{"status":"active"}'],
  ['no JSON', '{"status":"active","lastRuns":[1,2]'],
  ['none', null],
])('a state with %s differs', async (_what, state) => {
  expect(await differing({ state }, { state: '{"status":"active","lastRuns":[1,2]}' })).toEqual(['state']);
});

test('of everything else the very value counts', async () => {
  expect(await differing({ target: '{"a":1,"b":2}', due_at: 1 }, { target: '{"b":2,"a":1}', due_at: 1 })).toEqual(['target']);
});
