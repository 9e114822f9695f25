import { attemptsOf, type History } from './history.ts';

/** How late attempts began, in milliseconds by the clock of the functions, in which minutes pass at once. */
export type Lateness = { readonly attempts: number; readonly p50: number; readonly p99: number; readonly max: number };

export function latenessOf(log: ReadonlyMap<string, History>, of: Iterable<string>): Lateness {
  const late = [...of]
    .flatMap((id) => {
      const history = log.get(id);
      return history === undefined ? [] : attemptsOf(history).map(({ startedAt, dueAt }) => startedAt - dueAt);
    })
    .sort((one, other) => one - other);
  const share = (part: number): number => late[Math.min(late.length - 1, Math.floor(late.length * part))] ?? 0;
  return { attempts: late.length, p50: share(0.5), p99: share(0.99), max: late.at(-1) ?? 0 };
}
