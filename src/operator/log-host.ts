import type { EventLog, StoredEvent } from '../application/ports.ts';
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

/** A host's log and read models, as the commands of an operator meet them. No task runs through it. */
export type LogHost = {
  readonly kind: 'server' | 'aws';
  /** Where its log lies, for messages. */
  readonly name: string;
  readonly log: EventLog;
  /** Every event once, as it lies in the log, with all bytes beside it; those of a stream together and oldest first. */
  events(): AsyncIterable<StoredEvent>;
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
  close(): void;
};
