import type { SQSClient } from '@aws-sdk/client-sqs';
import * as z from 'zod';
import type { UnsentWake, Wake, WakeQueue } from '../../application/ports.ts';
import type { RetryPorts } from './failures.ts';
import { sendMessages } from './message-batches.ts';

/** DelaySeconds is a whole number up to 900 on standard queues (API reference of SendMessage). */
const longestDelayMs = 900_000;
const delayUnitMs = 1_000;
/** Of a message group id (API reference of SendMessage). */
const groupIdLength = 128;

export type SqsWakeQueueOptions = RetryPorts & {
  readonly client: SQSClient;
  /** One queue a lane, so that slow calls do not hold up quick ones. */
  readonly queueUrls: Readonly<Record<Wake['lane'], string>>;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Hears why a lane's wakes are given back while those of the other lane went. Without it, that is thrown. */
  readonly onLaneFailed?: (lane: Wake['lane'], error: unknown) => void;
};

/** What became of the wakes of one lane; an error if its queue is not there or may not be used. */
type Sent = { readonly lane: Wake['lane']; readonly unsent: readonly UnsentWake[]; readonly error?: unknown };

/**
 * Wakes as SQS messages. Delays are rounded down to whole seconds: a message comes up to a second early, never more, and its handler
 * waits out the rest. Fair queues (a message group on a standard queue) keep one target's backlog from delaying the others.
 *
 * A wake that is due later than a message can be delayed is dropped, neither sent nor given back: nobody needs to keep it, as its stream
 * stands in the due index, from which the sweep loads it in time.
 */
export class SqsWakeQueue implements WakeQueue {
  readonly #options: SqsWakeQueueOptions;

  constructor(options: SqsWakeQueueOptions) {
    this.#options = options;
  }

  /**
   * What is wrong with one lane is no matter of the other: its wakes are given back. Throws, once both lanes are through, if there is no
   * lane left that is there and may be used.
   */
  async send(wakes: readonly Wake[]): Promise<readonly UnsentWake[]> {
    // As the delay is rounded down, what is due within the second after the longest one is early by less than that second.
    const horizon = this.#options.now() + longestDelayMs + delayUnitMs;
    const near = wakes.filter(({ dueAt }) => dueAt < horizon);
    const lanes = (['short', 'long'] as const).map((lane) => ({ lane, wakes: near.filter((wake) => wake.lane === lane) }));
    const used = lanes.filter(({ wakes: ofLane }) => ofLane.length > 0);
    const sent = await Promise.all(used.map(({ lane, wakes: ofLane }) => this.#settle(lane, ofLane)));
    const failed = sent.filter((each) => 'error' in each);
    const { onLaneFailed } = this.#options;
    const thrown = failed.length === used.length || onLaneFailed === undefined ? failed.shift() : undefined;
    for (const { lane, error } of failed) onLaneFailed?.(lane, error);
    if (thrown !== undefined) throw thrown.error;
    return sent.flatMap(({ unsent }) => unsent);
  }

  async #settle(lane: Wake['lane'], wakes: readonly Wake[]): Promise<Sent> {
    try {
      return { lane, unsent: await this.#sendTo(lane, wakes) };
    } catch (error) {
      return { lane, unsent: wakes, error };
    }
  }

  async #sendTo(lane: Wake['lane'], wakes: readonly Wake[]): Promise<readonly UnsentWake[]> {
    const { client, queueUrls, now, sleep, random } = this.#options;
    const entryOf = (wake: Wake) => messageOf(wake, now());
    const refused = new Set<Wake>();
    const onRefused = (wake: Wake): void => void refused.add(wake);
    const unsent = await sendMessages({ client, queueUrl: queueUrls[lane], entryOf, onRefused, sleep, random }, wakes);
    return unsent.map((wake) => (refused.has(wake) ? { ...wake, refused: true } : wake));
  }
}

function messageOf(wake: Wake, now: number) {
  const delayMs = Math.min(longestDelayMs, Math.max(0, wake.dueAt - now));
  return {
    MessageBody: encodeWake(wake),
    DelaySeconds: Math.floor(delayMs / delayUnitMs),
    ...(wake.target === null ? {} : { MessageGroupId: groupIdOf(wake.target) }),
  };
}

/** Group ids are letters, digits and punctuation; what is neither becomes a dash. Targets are told apart well enough by their end. */
function groupIdOf(target: string): string {
  return target.replace(/[^A-Za-z0-9!"#$%&'()*+,\-./:;<=>?@[\\\]^_`{|}~]/g, '-').slice(-groupIdLength) || '-';
}

const message = z.object({
  stream: z.string().min(1),
  version: z.int().nonnegative(),
  dueAt: z.number(),
  target: z.string().nullable(),
  lane: z.enum(['short', 'long']),
});

export function encodeWake({ stream, version, dueAt, target, lane }: Wake): string {
  return JSON.stringify({ stream, version, dueAt, target, lane });
}

/** The wake that a message holds; null if it holds none. */
export function decodeWake(body: string): Wake | null {
  try {
    return message.safeParse(JSON.parse(body)).data ?? null;
  } catch {
    return null;
  }
}
