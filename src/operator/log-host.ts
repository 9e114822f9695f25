import type { EraseLog, EventLog, StoredEvent } from '../application/ports.ts';
import type { KeyIds } from './log-keys.ts';

/** Says a line to the operator: on standard error while a command is at work, on standard output what came of it. */
export type Tell = (line: string) => void;

/** An import under way, kept where its host and the next try find it. */
export type ImportMark = {
  /** The file that is imported, by the hash in its manifest. */
  readonly file: string;
  /** How many of its events, from the first on, are known to be in the log. */
  readonly appended: number;
  /** The whole log was read back and is the one that was exported; what is left is to make the read models. */
  readonly verified: boolean;
};
export type ImportMarks = {
  read(): Promise<ImportMark | null>;
  /** Durable when it resolves. */
  write(mark: ImportMark): Promise<void>;
  clear(): Promise<void>;
};

/** What is read of a log: events of these streams only, and without the bytes that lie apart. */
export type EventsWanted = { readonly of?: (stream: string) => boolean; readonly bare?: boolean };

/** What an operator may do to a log that nobody else may: take streams out of it. Opened with permissions that no function has. */
export type Removal = {
  readonly log: EraseLog;
  /** Called before the first stream is removed. From here on no read model is trusted that knows of one. */
  begin(): void;
  /** Called with streams whose stub is in the log, and with the events they had, as far as these are known: read models follow. */
  forget(streams: readonly { readonly stub: StoredEvent; readonly events: readonly StoredEvent[] }[]): Promise<void>;
  /** Makes the host whole again, after all: read models and files. Gives what was done, in a sentence. */
  finish(tell: Tell): Promise<string>;
  /** Removes what else the host knows of these streams, such as dead letters; gives what was done, and what it cannot reach, in sentences. */
  searchElsewhere(streams: readonly string[], tell: Tell): Promise<readonly string[]>;
};

/** A host's log and read models, as the commands of an operator meet them. No task runs through it. */
export type LogHost = {
  readonly kind: 'server' | 'aws';
  /** Where its log lies, for messages. */
  readonly name: string;
  readonly log: EventLog;
  /** Every event once, as it lies in the log, with all bytes beside it; those of a stream together and oldest first. */
  events(wanted?: EventsWanted): AsyncIterable<StoredEvent>;
  /** Counts what is in the log now. */
  countEvents(): Promise<number>;
  /** Whether there is neither an event nor a read model of one. */
  isEmpty(): Promise<boolean>;
  /** The ids of the keys that the host has, as far as they can be seen from here. */
  keyIds(): Promise<KeyIds>;
  readonly imports: ImportMarks;
  /** Makes the read models from the log. Gives what was done, in a sentence. */
  rebuild(tell: Tell): Promise<string>;
  /** Whether the read models are what the log makes of them; `say` hears what was found, and nothing is changed. */
  check(tell: Tell, say: Tell): Promise<boolean>;
  readonly removal: Removal;
  close(): void;
};
