import { existsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { serverOnlyFiles } from '../e2e/harness/host-differences.ts';
import { parityRows } from '../support/guide.ts';

/** Rows that no end-to-end test can show, and why. */
const withoutEndToEnd: Readonly<Record<number, string>> = {
  34: 'comes later',
  35: 'comes later',
  36: 'is about the template',
};
const pathOf = (name: string): string => `test/${name}.test.ts`;

describe('the table of features in docs/coming-from.md', () => {
  test('has all 41 of them, in order', () => {
    expect(parityRows.map(({ row }) => row)).toEqual(Array.from({ length: 41 }, (_unused, index) => index + 1));
  });

  test.each(parityRows)('names tests that exist: row $row', ({ tests }) => {
    expect(tests.map(pathOf).filter((path) => !existsSync(path))).toEqual([]);
  });

  test.each(parityRows)('names end-to-end tests that run on both hosts, or says what is missing: row $row', ({ row, here, tests }) => {
    const endToEnd = tests.filter((name) => name.startsWith('e2e/')).map(pathOf);
    const onBoth = endToEnd.filter((path) => !serverOnlyFiles.includes(path));
    expect(onBoth.length > 0).toBe(!(row in withoutEndToEnd));
    if (onBoth.length < endToEnd.length) expect(tests.some((name) => name.startsWith('aws-'))).toBe(true);
    expect(tests.length > 0).toBe(!/later issue/.test(here));
  });
});
