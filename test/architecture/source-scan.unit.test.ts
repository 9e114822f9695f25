import { describe, expect, test } from 'vitest';
import { codeOnly, importsOf, isBarrel, usesOf } from './source-scan.ts';

const specifiers = (source: string) => importsOf(source).map((found) => found.specifier);
const lines = (source: string, ...names: string[]) => usesOf(source, names).map((use) => use.line);

describe('what is code', () => {
  test('comments, strings and regular expressions are blanked, at the same offsets', () => {
    const source = `a; // Math.random\n/* Date\n */ b('fetch', "fetch", /fetch["/]/g); c`;
    const code = codeOnly(source);
    expect(code).not.toMatch(/Math|Date|fetch/);
    expect(code.length).toBe(source.length);
    expect(code.indexOf('; c')).toBe(source.indexOf('; c'));
    expect(code.split('\n')).toHaveLength(3);
  });
  test('the text of a template is blanked, its expressions stay, nested ones too', () => {
    const code = codeOnly('x = `fetch ${a({ b: `Date ${c} fetch` })} fetch`; d');
    expect(code).toContain('a({ b: `');
    expect(code).toContain('{c}');
    expect(code).not.toMatch(/fetch|Date/);
    expect(code).toContain('; d');
  });
  test('a division does not hide what follows it', () => {
    expect(codeOnly('const half = total / 2; fetch(url); const third = (a + b) / 3;')).toContain('fetch(url)');
    expect(codeOnly('const a = list[0] / 2; fetch(url); const c = d / 3;')).toContain('fetch(url)');
  });
  test('an escaped quote does not end a string', () => {
    expect(codeOnly(String.raw`const a = 'it\'s'; fetch('x'); const b = "\\"; fetch('y');`).match(/fetch/g)).toHaveLength(2);
  });
  test('comment signs inside strings and quotes inside comments mean nothing', () => {
    expect(codeOnly("const url = 'http://x'; fetch(url); // don't\nfetch(url);").match(/fetch/g)).toHaveLength(2);
    expect(codeOnly("const glob = 'a/*'; fetch(url); const other = '*/';")).toContain('fetch(url)');
  });
});

describe('imports', () => {
  test('every form is seen', () => {
    const source = [
      "import './side-effect.ts';",
      "import whole from './default.ts';",
      "import * as all from './star.ts';",
      'import {\n  a,\n  type B,\n} from "./named.ts";',
      "import type { C } from './type.ts';",
      "export { d } from './re-export.ts';",
      "export type { E } from './type-re-export.ts';",
      "export * from './export-star.ts';",
      "const f = await import('./dynamic.ts');",
      "type G = import('./type-query.ts').G;",
    ].join('\n');
    expect(specifiers(source)).toEqual([
      './side-effect.ts',
      './default.ts',
      './star.ts',
      './named.ts',
      './type.ts',
      './re-export.ts',
      './type-re-export.ts',
      './export-star.ts',
      './dynamic.ts',
      './type-query.ts',
    ]);
  });
  test('types-only imports are told apart', () => {
    const only = (source: string) => importsOf(source).map((found) => found.typeOnly);
    expect(only("import type { A } from 'a'; import { type B } from 'b'; import type from 'c'; export type { D } from 'd';")).toEqual([
      true,
      false,
      false,
      true,
    ]);
  });
  test('an import in a comment or a string is none', () => {
    expect(specifiers(`// import a from 'a';\n/* export * from 'b' */ const c = "import d from 'd'"; const e = \`import('f')\`;`)).toEqual(
      [],
    );
  });
  test('a computed import is seen as such', () => {
    expect(specifiers('const a = await import(name); const b = await import(`./${name}.ts`);')).toEqual([null, null]);
  });
  test('Array.from and words like "from" elsewhere are no imports', () => {
    expect(specifiers("export const a = Array.from('abc');\nexport const from = 'x';\nobject.import('y');")).toEqual([]);
  });
});

describe('barrels', () => {
  test('a file of re-exports is one', () =>
    expect(isBarrel("// all of it\nexport * from './a.ts';\nexport type { B } from './b.ts';\n")).toBe(true));
  test('a file with anything of its own is none', () => {
    expect(isBarrel("export * from './a.ts';\nexport const b = 1;\n")).toBe(false);
    expect(isBarrel('export const b = 1;\n')).toBe(false);
  });
});

describe('uses of globals', () => {
  test('a forbidden name is seen on its line', () => {
    expect(usesOf('const a = 1;\nconst b = Math.random();\n', ['Math.random'])).toEqual([{ what: 'Math.random', line: 2 }]);
    expect(lines('setTimeout(run, 5);\nglobalThis.setTimeout(run, 5);\nconst wait = setTimeout;', 'setTimeout')).toEqual([1, 2, 3]);
    expect(lines('const a = `${process.pid}`;', 'process')).toEqual([1]);
    expect(lines('const { pid } = process;\nrun({ process });\nrun(...process.argv);', 'process')).toEqual([1, 2, 3]);
    expect(lines('const pid = on ? process : null;\nconst other = on ? null : process;', 'process')).toEqual([1, 2]);
  });
  test('one in a comment, a string or a template is not', () => {
    expect(lines("// process\n/** fetch */ const a = 'process'; const b = `fetch`; const c = /process/;", 'process', 'fetch')).toEqual([]);
  });
  test('a property, a key or a longer name is not', () => {
    const source =
      'order.process(); this.#process(); x?.fetch; const a = { process: 1 };\ntype T = { readonly process?: string; fetch: X };\npreprocess(processed);';
    expect(lines(source, 'process', 'fetch')).toEqual([]);
  });
  test('the present moment is seen in every form; a given time is not', () => {
    for (const form of [
      'Date.now()',
      'new Date()',
      'new Date( )',
      'new Date',
      'Date()',
      "Date['now']()",
      'f(Date)',
      'globalThis.Date.now()',
    ])
      expect(lines(`const a = ${form};`, 'now'), form).toEqual([1]);
    for (const form of [
      'new Date(ms)',
      'new Date(0).toISOString()',
      'Date.parse(text)',
      'Date.UTC(2026, 0)',
      'clock.now()',
      'x as Date',
      'x instanceof Date',
    ])
      expect(lines(`const a = ${form};`, 'now'), form).toEqual([]);
  });
  test('Math may be used, but not taken apart', () => {
    expect(lines('const a = Math.min(1, 2);', 'Math.random')).toEqual([]);
    expect(lines("const { random } = Math;\nMath['random']();", 'Math.random')).toEqual([1, 2]);
  });
  test('a process may be handed on, but not asked for the time', () => {
    expect(lines("once(process, 'SIGTERM');\nprocess.hrtime.bigint();", 'process.hrtime')).toEqual([2]);
  });
  test('any use of Date is one where Date itself is forbidden', () => {
    expect(lines('type A = { at: Date };\nconst b = Date.UTC(2026, 0);', 'Date')).toEqual([1, 2]);
  });
});
