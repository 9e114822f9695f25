import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { filesBelow } from './dependencies.ts';
import { codeOnly } from './source-scan.ts';

const kinds = ['unit', 'property', 'contract', 'sim', 'e2e', 'extended'];
/** Folders of test/ whose tests belong to no single folder of src. */
const ofTheWhole = ['architecture', 'contract', 'simulation', 'e2e', 'aws-host', 'template', 'privileges', 'aws-faults'];

const isTest = (path: string): boolean => /\.(?:test|spec)\.\w+$/.test(path);
const hasKind = (path: string): boolean => new RegExp(`/[a-z0-9-]+\\.(?:${kinds.join('|')})\\.test\\.ts$`).test(path);
const mirrors = (path: string, folderExists: (folder: string) => boolean): boolean => {
  const folder = dirname(path).slice('test/'.length);
  return ofTheWhole.includes(folder.split('/')[0] ?? '') || folderExists(join('src', folder));
};
const focuses = (source: string): boolean => /(?<![\w$.])(?:test|it|describe|suite|bench)\b[\s\S]{0,40}?\.\s*only\b/.test(codeOnly(source));

const paths = readdirSync('test', { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => join(entry.parentPath, entry.name));

describe('test files', () => {
  test('the ending of each tells its kind, so that none is left out', () => {
    expect(paths.filter((path) => isTest(path) && !hasKind(path))).toEqual([]);
  });
  test('no test lies beside the source', () => {
    expect(filesBelow('src').filter(({ path }) => isTest(path))).toEqual([]);
  });
  test('the folders mirror those of src', () => {
    expect(paths.filter((path) => isTest(path) && !mirrors(path, existsSync))).toEqual([]);
  });
  test('none is focused', () => {
    expect(
      filesBelow('test')
        .filter(({ path, source }) => isTest(path) && focuses(source))
        .map(({ path }) => path),
    ).toEqual([]);
  });
});

describe('the rules see', () => {
  test('an unknown kind, and none', () => {
    expect(['test/domain/a.test.ts', 'test/domain/a.integration.test.ts', 'test/domain/Big.unit.test.ts'].filter(hasKind)).toEqual([]);
    expect(hasKind('test/domain/a.unit.test.ts')).toBe(true);
  });
  test('a folder that src does not have', () => {
    expect(mirrors('test/nowhere/a.unit.test.ts', existsSync)).toBe(false);
    expect(mirrors('test/domain/a.unit.test.ts', existsSync)).toBe(true);
    expect(mirrors('test/e2e/a.e2e.test.ts', existsSync)).toBe(true);
  });
  test('a focused test, but not one in a string', () => {
    const dot = '.';
    expect(focuses(`test${dot}only('a', () => {});`)).toBe(true);
    expect(focuses(`describe.concurrent${dot}only('a', () => {});`)).toBe(true);
    expect(focuses(`test('of .only', () => {});`)).toBe(false);
  });
});
