import { describe, expect, test } from 'vitest';
import { cycles, filesBelow, impurities, wrongImports } from './dependencies.ts';
import { fileLines, longFiles, purity } from './rules.ts';
import { isBarrel } from './source-scan.ts';

const files = filesBelow('src');
const sample = (path: string, source: string) => [{ path, source }];
const lineCount = (source: string) => source.trimEnd().split('\n').length;

describe('the source keeps the rules', () => {
  test('there is source to look at', () => expect(files.length).toBeGreaterThan(0));
  test('imports follow the arrows', () => expect(wrongImports(files)).toEqual([]));
  test('nothing imports itself in a circle', () => expect(cycles(files)).toEqual([]));
  test.each(purity)('$where: $because', (row) => expect(impurities(files, row)).toEqual([]));
  test('what takes events out of a log is known to the operator alone', () => {
    const knowing = files.filter(({ source }) => /\bEraseLog\b|erase-log\.ts/.test(source)).map(({ path }) => path);
    const holders = /^src\/(?:operator\/|application\/ports\.ts$|adapters\/(?:sqlite|aws)\/[a-z-]*erase-log\.ts$)/;
    expect(knowing.length).toBeGreaterThan(3);
    expect(knowing.filter((path) => !holders.test(path))).toEqual([]);
  });
  test('no file only passes on what others export', () => {
    expect(files.filter(({ source }) => isBarrel(source)).map(({ path }) => path)).toEqual([]);
  });
  test(`no file is longer than ${fileLines} lines, unless a reason is given`, () => {
    const long = files
      .filter(({ source }) => lineCount(source) > fileLines)
      .map(({ path, source }) => `${path}: ${lineCount(source)} lines`);
    expect(long.filter((line) => !Object.keys(longFiles).some((path) => line.startsWith(`${path}:`)))).toEqual([]);
  });
  test('no exemption outlives its file', () => {
    const long = files.filter(({ source }) => lineCount(source) > fileLines).map(({ path }) => path);
    expect(Object.keys(longFiles).filter((path) => !long.includes(path))).toEqual([]);
  });
});

describe('the rules see', () => {
  const wrong = (path: string, specifier: string, keyword = 'import') =>
    wrongImports(sample(path, `${keyword} { a } from '${specifier}';`)).length;

  test.each([
    ['src/domain/task/decide.ts', '../../application/ports.ts'],
    ['src/domain/task/decide.ts', '../../../test/fixtures.ts'],
    ['src/application/ports.ts', './commands.ts'],
    ['src/application/commands.ts', '../adapters/sqlite/event-log.ts'],
    ['src/application/commands.ts', '../projections/due-index.ts'],
    ['src/projections/due-index.ts', '../application/commands.ts'],
    ['src/adapters/sqlite/event-log.ts', '../../application/commands.ts'],
    ['src/adapters/sqlite/event-log.ts', '../../projections/due-index.ts'],
    ['src/adapters/sqlite/event-log.ts', '../../handlers/http/tasks.ts'],
    ['src/handlers/http/tasks.ts', '../../adapters/sqlite/event-log.ts'],
    ['src/handlers/http/tasks.ts', '../../server/wiring.ts'],
    ['src/runners/example.ts', '../server/wiring.ts'],
    ['src/server/wiring.ts', '../../test/fixtures.ts'],
  ])('%s may not import %s, nor its types', (path, specifier) => {
    expect(wrong(path, specifier)).toBe(1);
    if (!(path.startsWith('src/handlers/http/') && specifier.includes('/adapters/'))) expect(wrong(path, specifier, 'import type')).toBe(1);
  });
  test.each([
    ['src/domain/task/decide.ts', '../decision.ts'],
    ['src/application/commands.ts', './ports.ts'],
    ['src/adapters/sqlite/event-log.ts', '../../application/ports.ts'],
    ['src/handlers/http/tasks.ts', '../../application/commands.ts'],
    ['src/server/wiring.ts', '../handlers/http/tasks.ts'],
  ])('%s may import %s', (path, specifier) => expect(wrong(path, specifier)).toBe(0));
  test('the shared HTTP handlers may name the types of adapters', () => {
    expect(wrong('src/handlers/http/tasks.ts', '../../adapters/sqlite/event-log.ts', 'import type')).toBe(0);
  });
  test('a file of no layer, and an import that is only known at run time', () => {
    expect(wrongImports(sample('src/utils/text.ts', ''))).toHaveLength(1);
    expect(wrongImports(sample('src/server/a.ts', 'await import(name);'))).toHaveLength(1);
  });
  test('a circle through types, and a file that imports itself', () => {
    const circle = [
      ...sample('src/domain/a.ts', "import { b } from './b.ts';"),
      ...sample('src/domain/b.ts', "import { c } from './c.ts';"),
      ...sample('src/domain/c.ts', "import type { A } from './a.ts';"),
      ...sample('src/domain/d.ts', "import { a } from './a.ts'; import { d } from './d.ts';"),
    ];
    expect(cycles(circle)).toEqual([
      'src/domain/a.ts -> src/domain/b.ts -> src/domain/c.ts -> src/domain/a.ts',
      'src/domain/d.ts -> src/domain/d.ts',
    ]);
  });

  const impure = (path: string, source: string) => purity.some((row) => impurities(sample(path, source), row).length > 0);
  test.each([
    ['src/domain/a.ts', "import { createHash } from 'node:crypto';"],
    ['src/domain/a.ts', "import { z } from 'zod';"],
    ['src/domain/a.ts', 'const at = new Date(ms);'],
    ['src/domain/a.ts', 'console.log(state);'],
    ['src/application/a.ts', 'const at = Date.now();'],
    ['src/application/a.ts', "import { createHmac } from 'node:crypto';"],
    ['src/application/a.ts', 'if (process.env.X) run();'],
    ['src/projections/a.ts', 'setTimeout(flush, 1000);'],
    ['src/adapters/sqlite/a.ts', 'const at = new Date();'],
    ['src/adapters/http/a.ts', "import { randomUUID } from 'node:crypto';"],
    ['src/handlers/http/a.ts', 'setTimeout(run, 1);'],
    ['src/server/a.ts', "import { DatabaseSync } from 'node:sqlite';"],
    ['src/server/a.ts', 'await fetch(url);'],
    ['src/server/a.ts', "import middy from '@middy/core';"],
  ])('%s may not hold: %s', (path, source) => expect(impure(path, source)).toBe(true));
  test.each([
    ['src/domain/a.ts', '// Date.now() would be wrong here\nconst at = now;'],
    ['src/application/a.ts', "const at = new Date(ms).toISOString(); const why = 'Date.now()';"],
    ['src/adapters/system-clock.ts', 'const at = Date.now();'],
    ['src/adapters/crypto/ids.ts', "import { randomUUID } from 'node:crypto'; const id = randomUUID();"],
    ['src/adapters/sqlite/a.ts', "import { DatabaseSync } from 'node:sqlite'; setImmediate(commit);"],
    ['src/server/a.ts', 'setTimeout(wake, 1000);'],
  ])('%s may hold: %s', (path, source) => expect(impure(path, source)).toBe(false));
});
