import { registerHooks } from 'node:module';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Mutant } from './mutants.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** From here on this process loads the mutant's file with its change. Call before anything of Errand is imported. */
export function mutate({ name, edits }: Mutant): void {
  const byPath = new Map(edits.map((edit) => [resolve(root, edit.file), edit]));
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      const edit = url.startsWith('file:') ? byPath.get(fileURLToPath(url)) : undefined;
      if (edit === undefined) return loaded;
      const { file, find, replace } = edit;
      const source = String(loaded.source);
      const places = source.split(find).length - 1;
      if (places !== 1) throw new Error(`the mutant "${name}" is out of date: what it replaces is ${places} times in ${file}`);
      return { ...loaded, source: source.replace(find, () => replace) };
    },
  });
}
