import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

/** Tests as documents name them: a path below test/, without the ending that all share. */
const named = /`([a-z][a-z0-9-]*(?:\/[a-z0-9.-]+)+\.(?:unit|property|contract|e2e|extended|sim))`/g;

describe('docs/guarantees.md', () => {
  const text = readFileSync('docs/guarantees.md', 'utf8');
  const tests = [...new Set(Array.from(text.matchAll(named), ([, name = '']) => name))];

  test('names tests, and all of them exist', () => {
    expect(tests.length).toBeGreaterThan(30);
    expect(tests.filter((name) => !existsSync(`test/${name}.test.ts`))).toEqual([]);
  });

  test('names for each promise at least one test', () => {
    const rows = text.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| promise'));

    expect(rows.filter((row) => row.match(named) === null)).toEqual([]);
  });

  test('names laws that the simulation checks', () => {
    const laws = [...text.matchAll(/simulation \(([^)]+)\)/g)].flatMap(([, list = '']) => list.split(', '));
    const checks = ['answers', 'convergence', 'orchestration-laws', 'receipts', 'schedule-laws', 'schedule-times', 'task-laws'];
    const sources = [...checks.map((name) => `checks/${name}`), 'simulation', 'services/view-table', 'services/event-table'];
    const code = sources.map((name) => readFileSync(`test/simulation/${name}.ts`, 'utf8')).join('\n');

    expect(laws.length).toBeGreaterThan(10);
    expect(laws.filter((law) => !code.includes(`'${law}'`))).toEqual([]);
  });
});
