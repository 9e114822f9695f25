import { describe, expect, test } from 'vitest';
import { awsFront, serverFront } from '../../support/fuzz/fronts.ts';
import { fuzz } from '../../support/fuzz/laws.ts';
import { operations, routed } from '../../support/fuzz/operations.ts';

/** Of each kind, to each route, on each front; the extended tests send more. */
const numRuns = 10;

test('every route of the table is fuzzed, with each of its methods', () => {
  const fuzzed = new Set(operations.map(({ route, method }) => `${route} ${method}`));
  expect(routed.filter((one) => !fuzzed.has(one))).toEqual([]);
});

describe("through the server's listener", () => fuzz(serverFront, numRuns));
describe('through the functions behind API Gateway', () => fuzz(awsFront, numRuns));
