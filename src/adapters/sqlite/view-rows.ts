import type { Tally, View, Wake } from '../../application/ports.ts';
import { factsOfStream, isListed, kindOf, type StreamState } from '../../domain/streams.ts';

export type Row = Readonly<Record<string, unknown>>;

export function viewOf(row: Row): View {
  return { stream: String(row['stream']), version: Number(row['version']), state: JSON.parse(String(row['state'])) as StreamState };
}

export function wakeOf(row: Row): Wake {
  return {
    stream: String(row['stream']),
    version: Number(row['version']),
    dueAt: Number(row['due_at']),
    target: row['target'] === null ? null : String(row['target']),
    lane: row['lane'] === 'long' ? 'long' : 'short',
  };
}

const unlisted = { labels: {}, kind: '', createdAt: 0, id: '' };

export function labelsOf(
  stream: string,
  state: StreamState | undefined,
): {
  readonly labels: Readonly<Record<string, string>>;
  readonly kind: string;
  readonly createdAt: number;
  readonly id: string;
} {
  if (state === undefined || !isListed(state)) return unlisted;
  return { labels: factsOfStream(stream, state).labels, kind: kindOf(stream), createdAt: state.createdAt, id: state.id };
}

export function addTally(minutes: Map<number, Tally>, tally: Tally): void {
  const sum = minutes.get(tally.minute);
  if (sum === undefined) {
    minutes.set(tally.minute, tally);
    return;
  }
  minutes.set(tally.minute, {
    minute: tally.minute,
    started: sum.started + tally.started,
    succeeded: sum.succeeded + tally.succeeded,
    failed: sum.failed + tally.failed,
    retried: sum.retried + tally.retried,
  });
}
