import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { type Layer, layers, type Purity } from './rules.ts';
import { importsOf, usesOf } from './source-scan.ts';

export type SourceFile = { readonly path: string; readonly source: string };

/** All TypeScript files below a folder of the repository, by path from its root. */
export function filesBelow(folder: string): readonly SourceFile[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((path) => ({ path, source: readFileSync(path, 'utf8') }));
}

export const layerOf = (path: string): Layer | undefined => layers.find((layer) => layer.holds.test(path));

const isRelative = (specifier: string): boolean => specifier.startsWith('.') || specifier.startsWith('/');
const resolved = (from: string, specifier: string): string => posix.normalize(posix.join(posix.dirname(from), specifier));

/** Imports that go against an arrow, or out of src, one line each. */
export function wrongImports(files: readonly SourceFile[]): readonly string[] {
  return files.flatMap(({ path, source }) => {
    const layer = layerOf(path);
    if (layer === undefined) return [`${path} is in no layer of rules.ts`];
    return importsOf(source).flatMap(({ specifier, typeOnly, line }) => {
      if (specifier === null) return [`${path}:${line} imports what only the running program knows`];
      if (!isRelative(specifier)) return [];
      const target = resolved(path, specifier);
      const to = layerOf(target);
      if (to !== undefined && (layer.imports.includes(to.name) || (typeOnly && layer.importsTypesOf?.includes(to.name)))) return [];
      return [`${path}:${line} (${layer.name}) may not import ${target}${to ? ` (${to.name})` : ''}: ${layer.because}`];
    });
  });
}

const isPackage = (specifier: string, pattern: string): boolean =>
  pattern.endsWith('*') ? specifier.startsWith(pattern.slice(0, -1)) : specifier === pattern || specifier.startsWith(`${pattern}/`);

/** Globals and packages used where the row forbids them, one line each. */
export function impurities(files: readonly SourceFile[], row: Purity): readonly string[] {
  return files
    .filter(({ path }) => row.where.test(path) && !row.except?.test(path))
    .flatMap(({ path, source }) => {
      const packages = importsOf(source)
        .filter(
          ({ specifier }) => specifier !== null && !isRelative(specifier) && row.packages.some((pattern) => isPackage(specifier, pattern)),
        )
        .map(({ specifier, line }) => `${path}:${line} imports ${specifier}: ${row.because}`);
      return [...packages, ...usesOf(source, row.globals).map(({ what, line }) => `${path}:${line} uses ${what}: ${row.because}`)];
    });
}

/** Every circle of imports once, as `a -> b -> a`. */
export function cycles(files: readonly SourceFile[]): readonly string[] {
  const known = new Set(files.map(({ path }) => path));
  const targets = new Map(
    files.map(({ path, source }) => {
      const local = importsOf(source).flatMap(({ specifier }) =>
        specifier !== null && isRelative(specifier) ? [resolved(path, specifier)] : [],
      );
      return [path, local.filter((target) => known.has(target))];
    }),
  );
  const found: string[] = [];
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]) => {
    const start = trail.indexOf(path);
    if (start >= 0) found.push([...trail.slice(start), path].join(' -> '));
    if (start >= 0 || done.has(path)) return;
    for (const target of targets.get(path) ?? []) visit(target, [...trail, path]);
    done.add(path);
  };
  for (const path of known) visit(path, []);
  return found;
}
