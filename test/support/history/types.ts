/** What a history is made of. All times are epoch milliseconds by the clock that promises are kept by. */
export type History = {
  readonly tasks: readonly PromisedTask[];
  readonly schedules: readonly PromisedSchedule[];
  readonly receipts: readonly Receipt[];
  /** Every event of every task and schedule, those of each in the order of their versions; null if nobody read it. */
  readonly log: readonly LogEntry[] | null;
  /** What kept Errand from working; an attempt may be interrupted only amid one. Null if that is not known. */
  readonly outages: readonly Outage[] | null;
  /** When targets and log were read: only what must have begun by then can be missing. */
  readonly readAt: number;
  /** How late a run may begin while all is well, and how much later because it is not. */
  readonly epsilonMs: number;
  readonly forgivenessMs: number;
};

export type PromisedTask = {
  readonly task: string;
  /** Whether its create was answered; if not it may exist or not, and does if the log says so. */
  readonly acknowledged: boolean;
  /** When each of its runs is due, the first first. */
  readonly dueAts: readonly number[];
  /** Of each run. */
  readonly maxAttempts: number;
  /** When a cancel or delete was answered with success: nothing may begin later. */
  readonly cancelledAt?: number | undefined;
  /** A cancel or delete got no answer: it happened if the log says so. */
  readonly mayBeCancelled?: boolean | undefined;
  /** The task that must have been answered for good before this one begins. */
  readonly after?: string | undefined;
};

/** Occurrence n is the task `<schedule>.<n>`. */
export type PromisedSchedule = {
  readonly schedule: string;
  readonly acknowledged: boolean;
  /** By an oracle of its own, at least up to the time of reading. */
  readonly times: readonly number[];
  /** Of each occurrence. */
  readonly maxAttempts: number;
  /** Whether times that nothing could run at may be left out, where the log says so. */
  readonly mayMiss: boolean;
};

/** One call as its target saw it. */
export type Receipt = {
  readonly task: string;
  readonly run: number;
  readonly attempt: number;
  readonly webhookId: string;
  readonly begunAt: number;
  /** `final`: the run is done with it; `retry`: it asks for another attempt; `none`: the connection ended before the target had answered. */
  readonly answer: 'final' | 'retry' | 'none';
};

/** An event, as far as the checker reads it. */
export type LogEntry = {
  /** The id of its task or schedule. */
  readonly id: string;
  readonly type: string;
  readonly at: number;
  readonly run?: number | undefined;
  readonly attempt?: number | undefined;
  /** When its task is due next, if the event says so; null: never again. Of an `OccurrenceFired`, the time that fired. */
  readonly dueAt?: number | null | undefined;
  /** The kind of the error of a failure. */
  readonly error?: string | undefined;
  /** The first and the last of the times that a schedule left out. */
  readonly skipped?: { readonly from: number; readonly to: number } | undefined;
};

export type Outage = { readonly from: number; readonly to: number; readonly what: string };

export type Missing = { readonly of: string; readonly dueAt: number | null; readonly why: string };
export type Early = { readonly receipt: Receipt; readonly byMs: number };
/** A call that the answer before it did not ask for; what the log or an outage explains it by, or null if nothing does. */
export type Extra = { readonly receipt: Receipt; readonly before: 'answered' | 'cut off'; readonly reason: string | null };
export type Unexpected = { readonly of: string; readonly why: string };

export type Verdict = {
  readonly missing: readonly Missing[];
  readonly extra: readonly Extra[];
  readonly early: readonly Early[];
  readonly unexpected: readonly Unexpected[];
  /** Runs that had to begin by the time of reading. */
  readonly due: number;
  /** How late each run began that was on time, in ascending order. */
  readonly lateMs: readonly number[];
};
