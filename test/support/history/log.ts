import type { LogEntry, Outage, Receipt } from './types.ts';

/** One attempt as the log tells of it. */
export type LoggedAttempt = {
  readonly run: number;
  readonly attempt: number;
  /** When it was due, as far as the events before it say. */
  readonly dueAt: number | null;
  readonly startedAt: number;
  readonly endedAt: number | null;
  /** The kind of the error that ended it; null if none did. */
  readonly error: string | null;
};

/** What the log says of one task or schedule. */
export type TaskLog = {
  /** Whether it tells of attempts at all; of a schedule or a callback it does not. */
  readonly isTask: boolean;
  readonly attempts: ReadonlyMap<string, LoggedAttempt>;
  readonly cancelled: boolean;
  /** The due times of what a schedule has fired. */
  readonly fired: readonly number[];
  readonly skipped: readonly { readonly from: number; readonly to: number }[];
};

export const attemptKey = (run: number, attempt: number): string => `${run}.${attempt}`;

const ends: ReadonlySet<string> = new Set(['TaskSucceeded', 'TaskFailed', 'TaskAccepted', 'TaskContinued']);

export function readLog(log: readonly LogEntry[]): ReadonlyMap<string, TaskLog> {
  return new Map(
    Array.from(
      Map.groupBy(log, ({ id }) => id),
      ([id, entries]) => [id, readOne(entries)],
    ),
  );
}

function readOne(entries: readonly LogEntry[]): TaskLog {
  const attempts = new Map<string, LoggedAttempt>();
  let dueAt: number | null = null;
  for (const entry of entries) {
    const key = attemptKey(entry.run ?? 0, entry.attempt ?? 0);
    const begun = attempts.get(key);
    if (entry.type === 'TaskStarted') {
      attempts.set(key, { run: entry.run ?? 0, attempt: entry.attempt ?? 0, dueAt, startedAt: entry.at, endedAt: null, error: null });
    } else if (ends.has(entry.type) && begun !== undefined && (begun.endedAt === null || entry.error !== undefined)) {
      attempts.set(key, { ...begun, endedAt: entry.at, error: entry.error ?? null });
    }
    if (entry.dueAt !== undefined) dueAt = entry.dueAt;
  }
  return {
    isTask: entries.some(({ type }) => type === 'TaskScheduled'),
    attempts,
    cancelled: entries.some(({ type }) => type === 'TaskCancelled' || type === 'TaskDeleted'),
    fired: entries.flatMap(({ type, dueAt }) => (type === 'OccurrenceFired' && typeof dueAt === 'number' ? [dueAt] : [])),
    skipped: entries.flatMap(({ skipped }) => (skipped === undefined ? [] : [skipped])),
  };
}

const reasons: Readonly<Record<string, string>> = {
  interrupted: 'its attempt was interrupted',
  timeout: 'its answer came too late',
  network: 'its answer was lost',
};

/** Why a call was repeated: what the log says ended the attempt before, or what kept Errand from recording its end. */
export function reasonOf(before: Receipt, again: Receipt, told: TaskLog | undefined, outages: readonly Outage[]): string | null {
  const attempt = told?.attempts.get(attemptKey(before.run, before.attempt));
  // An attempt that the log knows makes one call, whatever happened around it.
  if (attempt !== undefined && again.attempt === before.attempt) return null;
  const outage = outages.find(({ from, to }) => from <= again.begunAt && before.begunAt <= to);
  if (attempt === undefined) return outage === undefined ? null : outage.what;
  const reason = reasons[attempt.error ?? ''];
  if (reason === undefined) return null;
  return attempt.error === 'interrupted' && outage !== undefined ? `${reason}: ${outage.what}` : reason;
}

/** Interrupted attempts that no outage lies in. */
export function unexplainedInterruptions(told: TaskLog, outages: readonly Outage[]): readonly LoggedAttempt[] {
  return Array.from(told.attempts.values()).filter(
    ({ error, startedAt, endedAt }) =>
      error === 'interrupted' && !outages.some(({ from, to }) => from <= (endedAt ?? Number.POSITIVE_INFINITY) && startedAt <= to),
  );
}
