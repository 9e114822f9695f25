import type { Labels, Origin } from './task/events.ts';

/** Every status that a stream of any kind can be in. */
export type StreamStatus =
  | 'missing'
  | 'scheduled'
  | 'running'
  | 'waiting'
  | 'succeeded'
  | 'failed'
  | 'cancelled'
  | 'active'
  | 'paused'
  | 'finished'
  | 'deleted';

/** The lane whose workers may hold a call long enough: slow tasks must not hold up quick ones. */
export type Lane = 'short' | 'long';

/** The small facts stored with each event, true after it, so that readers of the feed need no other read. */
export type Facts<Status extends StreamStatus = StreamStatus> = {
  readonly status: Status;
  readonly wakeAt: number | null;
  readonly run: number;
  readonly attempt: number;
  readonly labels: Labels;
  readonly origin: Origin | null;
  /** This event opened a callback. */
  readonly callback: boolean;
  readonly lane: Lane;
  readonly target: string | null;
};

export const noLabels: Labels = {};

/** The facts of what calls nothing itself: its tasks have targets, runs and attempts. */
export function factsOfParent(parent: { readonly status: StreamStatus; readonly wakeAt: number | null; readonly labels: Labels }): Facts {
  const { status, wakeAt, labels } = parent;
  return { status, wakeAt, run: 0, attempt: 0, labels, origin: null, callback: false, lane: 'short', target: null };
}
