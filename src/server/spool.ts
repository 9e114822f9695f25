import { isUtf8 } from 'node:buffer';
import { access, constants, mkdir, opendir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock, Logger } from '../application/ports.ts';
import { limits } from '../domain/limits.ts';
import { type ProblemBody, problemBody } from '../handlers/http/problem.ts';
import { eventTooLarge, type TaskEventOutcome } from '../handlers/http/task-event.ts';

export type SpoolOptions = {
  readonly dir: string;
  /** Makes a task of an event's text; resolves once that is durable. Throws where trying again may help. */
  readonly create: (text: string) => Promise<TaskEventOutcome>;
  readonly clock: Clock;
  readonly logger: Logger;
};
export type Spool = {
  start(): void;
  /** Takes nothing more; resolves when what was begun is done. */
  stop(): Promise<void>;
};

/** How long a file may lie there before it is seen. Looking is one read of a folder that is nearly always empty. */
const lookEveryMs = 250;
/** After a failure of the log or of the folder, which passes or has to be mended. */
const pauseAfterFailureMs = 2_000;
/** Side by side, as their appends share commits; each may hold an event of the largest size in memory. */
const filesAtOnce = 32;

/** Whole once they have such a name; others are drafts of producers, or what was written here beside a refused event. */
const isEvent = (name: string): boolean => /^[^.].*\.json$/s.test(name) && !name.endsWith('.problem.json');
const codeOf = (error: unknown): unknown => (error instanceof Error && 'code' in error ? error.code : undefined);

/**
 * A folder from which events become tasks: one JSON file each, put there by a rename, so that it is whole. A file is removed once its
 * task is durable; a process that ends in between finds it again, and its id that it was done. What is refused goes to `refused`, with
 * its problem beside it. Makes the folder if it is not there; throws if it cannot be used.
 */
export async function openSpool({ dir, create, clock, logger }: SpoolOptions): Promise<Spool> {
  const refused = join(dir, 'refused');
  try {
    await mkdir(refused, { recursive: true, mode: 0o700 });
    await access(dir, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new Error(`ERRAND_INGEST_DIR is ${dir}, which cannot be used: ${String(error)}`, { cause: error });
  }

  /** The text of an event, or why it cannot be read; null if whoever put it there has taken it back. */
  async function textOf(file: string): Promise<string | ProblemBody | null> {
    try {
      if ((await stat(file)).size > limits.requestBytes) return problemBody(413, eventTooLarge);
      const bytes = await readFile(file);
      return isUtf8(bytes) ? bytes.toString('utf8') : problemBody(400, 'the event is not UTF-8');
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return null;
      if (codeOf(error) === 'EACCES') return problemBody(403, 'the file may not be read by Errand');
      throw error;
    }
  }

  async function take(name: string): Promise<void> {
    const file = join(dir, name);
    const text = await textOf(file);
    if (text === null) return;
    const made: TaskEventOutcome = typeof text === 'string' ? await create(text) : { outcome: 'refused', problem: text };
    if (made.outcome === 'done') return rm(file, { force: true });
    const { status, detail } = made.problem;
    // The reason first: an event without one would be refused without a word.
    const reason = join(refused, `${name.slice(0, -'.json'.length)}.problem.json`);
    await writeFile(reason, `${JSON.stringify(made.problem, null, 2)}\n`, { flush: true });
    await rename(file, join(refused, name));
    logger.warn('an event was refused', { file: name, status, detail });
  }

  /** Whether all of these are done with. */
  async function takeAll(names: readonly string[]): Promise<boolean> {
    const outcomes = await Promise.allSettled(names.map(take));
    const errors = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [String(outcome.reason)] : []));
    if (errors.length > 0) logger.error('events could not be taken and are tried again', { events: errors.length, error: errors[0] });
    return errors.length === 0;
  }

  const stopping = new AbortController();
  const { signal } = stopping;

  /** Goes through the folder once. Whether nothing failed. */
  async function look(): Promise<boolean> {
    let allDone = true;
    let names: string[] = [];
    for await (const entry of await opendir(dir)) {
      if (signal.aborted) return true;
      if (entry.isFile() && isEvent(entry.name)) names.push(entry.name);
      if (names.length < filesAtOnce) continue;
      allDone = (await takeAll(names)) && allDone;
      names = [];
    }
    return (await takeAll(names)) && allDone;
  }

  async function run(): Promise<void> {
    while (!signal.aborted) {
      const allDone = await look().catch((error: unknown) => {
        logger.error('the folder of events could not be read', { dir, error: String(error) });
        return false;
      });
      await clock.sleep(allDone ? lookEveryMs : pauseAfterFailureMs, signal);
    }
  }

  let running = Promise.resolve();
  return {
    start() {
      running = run();
    },
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
