import type { OrchestrationStore } from './orchestration-store.ts';
import type { OutgoingPorts } from './outgoing.ts';
import type { Clock, HttpCaller, Logger, Random } from './ports.ts';
import type { Runners } from './runner.ts';
import type { TaskStore } from './task-store.ts';

/** One attempt that was made, for whoever watches: how late it began, how long it took, both in milliseconds, and what came of it. */
export type AttemptReport = {
  readonly stream: string;
  readonly run: number;
  readonly attempt: number;
  readonly target: string | null;
  readonly lateMs: number;
  readonly durationMs: number;
  readonly outcome: 'succeeded' | 'accepted' | 'continued' | 'failed';
};

/** What attempts and callbacks are made with. */
export type AttemptPorts = {
  readonly store: TaskStore;
  /** Asked by a task that belongs to an orchestration whether it may still make its call. */
  readonly orchestrations: OrchestrationStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly caller: HttpCaller;
  readonly outgoing: OutgoingPorts;
  readonly runners: Runners;
  readonly logger: Logger;
  /** Aborted when the host stops: calls under way end as interrupted. */
  readonly stopping: AbortSignal;
  /** What this process is calling for right now: streams under attempt, and callbacks being tried. */
  readonly underWay: Set<string>;
  /** Hears of each attempt once its outcome is recorded or belongs to somebody else. */
  readonly observe?: (attempt: AttemptReport) => void;
};
