import { expect, test } from 'vitest';
import { failuresIn } from './partial-failures.ts';

const known = new Set(['a', 'b']);
const failed = (...identifiers: unknown[]) => ({ batchItemFailures: identifiers.map((itemIdentifier) => ({ itemIdentifier })) });

test.each([[null], [undefined], [''], [{}], [failed()], [{ batchItemFailures: null }]])('nothing failed: %j', (response) => {
  expect(failuresIn(response, known)).toEqual(new Set());
});

test('what is named failed, and only that', () => {
  expect(failuresIn(failed('b'), known)).toEqual(new Set(['b']));
});

test.each([
  ['text'],
  [{ failures: [] }],
  [{ batchItemFailures: 'a' }],
  [failed('')],
  [failed(null)],
  [failed('c')],
  [{ batchItemFailures: [null] }],
  [{ batchItemFailures: [{ id: 'a' }] }],
])('what cannot be read means that all failed: %j', (response) => {
  expect(failuresIn(response, known)).toBe('all');
});
