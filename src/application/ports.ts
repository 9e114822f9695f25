import type { Facts } from '../domain/facts.ts';
import type { Recurrence, RecurrenceProblem } from '../domain/schedule/recurrence.ts';
import type { LiveState, StreamKind, StreamState, StreamStates } from '../domain/streams.ts';
import type { TaskStatus } from '../domain/task/state.ts';

/** Wall clock in epoch milliseconds; the monotonic clock, of which only differences mean something, in milliseconds too. */
export type Clock = {
  now(): number;
  monotonic(): number;
  /** Resolves after `ms`, or at once when the signal is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
};
/** Evenly distributed over [0, 1). */
export type Random = { next(): number };
/** Ids that no other process ever makes again. */
export type Ids = { taskId(): string; commitId(): string };

/** An event on its way into the log, or out of it. `data` is JSON-safe; `body` are the raw bytes kept beside it. */
export type StoredEvent = {
  readonly stream: string;
  readonly version: number;
  readonly type: string;
  readonly schemaVersion: number;
  readonly occurredAt: number;
  readonly commitId: string;
  readonly data: object;
  readonly facts: Facts;
  readonly body?: Uint8Array;
  /** Imported from another log: read and projected, never acted upon. */
  readonly imported?: boolean;
  /** The position in the whole log, where the host has one. */
  readonly position?: number;
};

/**
 * What lies in the log does not read as an event: it is damaged, or of a type or schema that this code does not know. Reading it
 * again gives the same; every other failure of a log may pass.
 */
export class UnreadableEvent extends Error {
  override readonly name = 'UnreadableEvent';
}

/**
 * `appended` is also the answer when this very commit was already there: a write whose reply was lost.
 * `conflict` means another commit holds the version. Anything else that goes wrong throws and has no known outcome.
 */
export type AppendOutcome = 'appended' | 'conflict';
export type Snapshot = { readonly version: number; readonly schemaVersion: number; readonly state: string };

/** Conditional on (stream, version). Resolves only once the event is durable. Appends of different streams may travel together. */
export type EventLog = {
  append(event: StoredEvent, snapshot?: Snapshot): Promise<AppendOutcome>;
  /** The events after `after` up to `upTo`, oldest first, at most `limit`: consistent, gap-free, small bodies included. */
  read(stream: string, range: { readonly after: number; readonly upTo?: number; readonly limit?: number }): Promise<readonly StoredEvent[]>;
  /** What is needed to fold the whole stream: its newest usable snapshot and the events after it. */
  load(stream: string, snapshotSchema: number): Promise<{ readonly snapshot: Snapshot | null; readonly events: readonly StoredEvent[] }>;
  /** The bytes beside one event; throws if they are gone. */
  readBody(stream: string, at: { readonly version: number; readonly commitId: string }): Promise<Uint8Array>;
};

/** A stream that is to be left with one event: `stub`, at version 1. */
export type Erasure = {
  readonly stub: StoredEvent;
  /** What its newest event may be. Any other means that the stream has gone on, and it is left as it is. */
  readonly newest: readonly Pick<StoredEvent, 'version' | 'commitId'>[];
};
/**
 * Takes events out of a log for good, with what lay beside them. For an operator's commands alone: whatever serves requests or runs tasks
 * is given an `EventLog`, which can only append. A stream must be at rest: an append that was decided before and comes after would
 * leave a gap. Gives back the streams that were left, as they are not there or have gone on. One that is a stub keeps it and loses the rest,
 * so that an interrupted erasure is made whole by repeating it.
 */
export type EraseLog = { erase(erasures: readonly Erasure[]): Promise<readonly string[]> };

/** "Look at this stream": carries no state. Late, duplicate and stale wakes do nothing. */
export type Wake = {
  readonly stream: string;
  readonly version: number;
  readonly dueAt: number;
  readonly target: string | null;
  readonly lane: 'short' | 'long';
};
/** A wake that could not be sent. `refused`: for its own content, so that sending it again would not change that. */
export type UnsentWake = Wake & { readonly refused?: true };
/**
 * Best effort, any order, at least once; at most a second before `dueAt`, which whoever receives it waits out.
 * Gives back the wakes that could not be sent; throws if none ever could. A wake that is due after `limits.wakeHorizonMs` may be dropped,
 * neither sent nor given back: the due index has it until it is near.
 */
export type WakeQueue = { send(wakes: readonly Wake[]): Promise<readonly UnsentWake[]> };

/**
 * Tells subscribers what happened: at least once, unordered, in the outside form of events (ISO times, secrets masked).
 * Gives back the events that were not taken.
 */
export type EventBus = { publish(events: readonly StoredEvent[]): Promise<readonly StoredEvent[]> };

/** A stream as last projected: its prefix tells of which kind its state is. */
export type View<State extends StreamState = StreamState> = { readonly stream: string; readonly version: number; readonly state: State };
/** What happened within one minute (epoch minutes) between two versions of a view. */
export type Tally = {
  readonly minute: number;
  readonly started: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly retried: number;
};
/** A view's step forward, with what it adds to the statistics, so that both are written together or not at all. */
export type ViewWrite = { readonly before: View | null; readonly after: View; readonly tallies: readonly Tally[] };
/** Rows due at or before `until`, earliest first. `target` narrows to one target, null to what has none; `after` continues a page. */
export type DueQuery = { readonly until: number; readonly limit: number; readonly target?: string | null; readonly after?: Wake };
export type ListQuery<Kind extends StreamKind = StreamKind> = {
  readonly kind: Kind;
  readonly status: LiveState<Kind>['status'] | null;
  readonly labels: readonly (readonly [string, string])[];
  readonly from: number | null;
  readonly to: number | null;
  readonly limit: number;
  /** The last row of the page before. */
  readonly after: { readonly createdAt: number; readonly id: string } | null;
};
/** Of tasks alone. */
export type Statistics = {
  readonly counts: Readonly<Record<TaskStatus, number>>;
  readonly oldestDueAt: number | null;
  readonly lastHour: Omit<Tally, 'minute'>;
};
export type ListPage<Kind extends StreamKind = StreamKind> = {
  readonly views: readonly View<StreamStates[Kind]>[];
  readonly next: ListQuery['after'];
};
export type ReadModels = {
  read(streams: readonly string[]): Promise<ReadonlyMap<string, View>>;
  /** Only ever forward: a write whose `before` is not what is stored is left out and its stream given back, to be read again. */
  write(writes: readonly ViewWrite[], checkpoint?: number): Promise<readonly string[]>;
  due(query: DueQuery): Promise<readonly Wake[]>;
  /** Newest first; a page may be shorter than the limit although more follows, `next` then says where. */
  list<Kind extends StreamKind>(query: ListQuery<Kind>): Promise<ListPage<Kind>>;
  statistics(now: number): Promise<Statistics>;
};

export type HttpRequest = {
  readonly url: string;
  readonly method: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Uint8Array | null;
  /** From the first connect to the last byte. */
  readonly timeoutMs: number;
  /** The call may begin only while both clocks are before these; otherwise it is not made. */
  readonly beginBefore: { readonly wall: number; readonly monotonic: number };
  /** Aborting ends the call with `interrupted`. */
  readonly signal?: AbortSignal;
};
export type HttpOutcome =
  | {
      readonly kind: 'response';
      readonly status: number;
      /** Lower-case names; repeated headers are joined by ", ". */
      readonly headers: Readonly<Record<string, string>>;
      /** At most `limits.resultBytes`; `truncated` says whether there was more. */
      readonly body: Uint8Array;
      readonly truncated: boolean;
      readonly durationMs: number;
    }
  | { readonly kind: 'timeout' | 'network' | 'egress' | 'interrupted'; readonly message: string };
/** Never throws, never follows redirects, never reaches an address that the egress rule refuses. */
export type HttpCaller = { call(request: HttpRequest): Promise<HttpOutcome> };

/** Encrypts header values for the log. Only the outgoing caller opens them. */
export type Sealer = {
  seal(name: string, value: string): string;
  open(name: string, sealed: string): string;
  /** Whether a sealed value is this one, in constant time; false also where it does not open. */
  holds(name: string, sealed: string, value: string): boolean;
  /** A keyed digest of what was sent, and whether another content has the same one (whichever key made it). */
  fingerprint(content: string): string;
  matches(fingerprint: string, content: string): boolean;
};
/** Standard Webhooks v1: space-separated signatures over `id.timestamp.body`, the newest secret first. */
export type Signer = { sign(id: string, timestampS: number, body: Uint8Array | null): string };
/** Tokens that let a target, and nobody else, answer for one run of a task. */
export type Tokens = {
  make(of: { readonly stream: string; readonly run: number; readonly startedVersion: number }): string;
  /** What a genuine token of this stream says; null for any other. */
  read(stream: string, token: string): { readonly run: number; readonly startedVersion: number } | null;
};
/** SHA-256 in base64url. */
export type Digest = { sha256(bytes: Uint8Array | string): string };

/** A span of time in epoch milliseconds: after `after`, up to and including `upTo`. */
export type Span = { readonly after: number; readonly upTo: number };
/**
 * The times of recurrences, none before the anchor or after the end. A question costs a few steps for each time in its answer and for
 * each year between its bounds, however many times lie there. Only `problems` may be asked about what was not checked by it.
 */
export type Recurrences = {
  /** What keeps a recurrence from being used, that it can never give a time included; empty for a good one. */
  problems(recurrence: Recurrence): readonly RecurrenceProblem[];
  /** The first times after a moment, earliest first, at most `limit`; fewer if no more follow. */
  after(recurrence: Recurrence, after: number, limit: number): readonly number[];
  /** The last times of a span, newest first, at most `limit`. */
  last(recurrence: Recurrence, span: Span, limit: number): readonly number[];
  /** How many times lie in a span, exactly. */
  count(recurrence: Recurrence, span: Span): number;
};

export type LogFields = Readonly<Record<string, unknown>>;
export type Logger = {
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
};
