import type { Comparison, Difference } from '../projections/rebuild.ts';
import type { Tell } from './log-host.ts';
import { count } from './progress.ts';

export const differencesShown = 20;
const valueShown = 200;

/** Says what a comparison of read models found, and what to do about it. */
export function sayComparison(say: Tell, { rows, differences, found }: Comparison, events: number, remedy: string): void {
  say(`Rebuilt from ${count(events)} events and compared, every row and column:`);
  for (const [table, compared] of rows) say(`  ${table.padEnd(12)}${count(compared).padStart(10)} rows`);
  if (found === 0) {
    say('No differences: the read models are what the log makes of them.');
    return;
  }
  say(`${count(found)} rows differ${found > differences.length ? `; the first ${differences.length} are` : ''}:`);
  for (const difference of differences) say(inWords(difference));
  say(remedy);
}

function inWords({ table, key, kind, columns }: Difference): string {
  const row = `  ${table} ${key.join(' | ')}`;
  if (kind === 'missing') return `${row}: is missing`;
  if (kind === 'unexpected') return `${row}: is there, although nothing in the log asks for it`;
  const values = columns.map(({ name, stored, rebuilt }) => `\n    ${name} is ${shown(stored)}\n    ${name} should be ${shown(rebuilt)}`);
  return `${row}:${values.join('')}`;
}

function shown(value: unknown): string {
  const text = value === undefined ? 'absent' : JSON.stringify(value);
  return text.length > valueShown ? `${text.slice(0, valueShown)}...` : text;
}
