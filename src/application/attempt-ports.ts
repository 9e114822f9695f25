import type { OutgoingPorts } from './outgoing.ts';
import type { Clock, HttpCaller, Logger, Random } from './ports.ts';
import type { Runners } from './runner.ts';
import type { TaskStore } from './task-store.ts';

/** What attempts and callbacks are made with. */
export type AttemptPorts = {
  readonly store: TaskStore;
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
};
