import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

const text = readFileSync('docs/security.md', 'utf8');
const rows = text
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| threat '))
  .map((line) => line.split(' | '));
const testFile = /^test\/\S+\.(?:unit|property|contract|e2e|extended)\.test\.ts$/;

describe('docs/security.md', () => {
  test('has threats', () => expect(rows.length).toBeGreaterThan(15));
  test.each(rows)('names tests that there are: %s', (_threat, _what, tests = '') => {
    const files = [...tests.matchAll(/`([^`]+)`/g)].map(([, file = '']) => file);
    expect(files.length).toBeGreaterThan(0);
    expect(files.filter((file) => !testFile.test(file) || !existsSync(file))).toEqual([]);
  });
  test('leads nowhere that is not there', () => {
    const links = [...text.matchAll(/\]\(([^)#:]+)\)/g)].map(([, path = '']) => `docs/${path}`);
    expect(links.filter((path) => !existsSync(path))).toEqual([]);
  });
});
