import type { HttpOutcome } from '../../../src/application/ports.ts';
import { response } from '../../support/scripted-caller.ts';
import type { Dice } from '../kernel/dice.ts';
import type { World } from '../kernel/world.ts';
import type { Receipt } from '../services/targets.ts';
import type { Client } from './client.ts';

/** What targets do, by the first part of their path. */
export const behaviours = [
  'works',
  'takes-long',
  'fails',
  'refuses',
  'continues',
  'answers-later',
  'answers-early',
  'never-answers',
  'says-it-failed',
] as const;
export type BehaviourName = (typeof behaviours)[number];
/** What a call of a target takes that takes long by nature, at most. */
export const longestCallMs = 170_000;
export const asynchronous: ReadonlySet<string> = new Set(['answers-later', 'answers-early', 'never-answers', 'says-it-failed']);

export function addressOf(name: BehaviourName, target: number): string {
  return `https://target-${target}.example/${name}`;
}

/** An answer that an asynchronous target gave, and was told is taken. */
export type Taken = { readonly taskId: string; readonly body: string; readonly at: number };

/** Targets that are not at fault; what goes wrong on the way to them and back comes on top of it. */
export class Behaviours {
  readonly taken: Taken[] = [];
  readonly #world: World;
  readonly #client: () => Client;
  readonly #continued = new Map<string, number>();

  constructor(world: World, client: () => Client) {
    this.#world = world;
    this.#client = client;
  }

  readonly behave = (receipt: Receipt, dice: Dice): HttpOutcome => {
    const name = new URL(receipt.url).pathname.split('/')[1];
    switch (name) {
      case 'fails':
        return response(500);
      case 'refuses':
        return response(404);
      case 'continues':
        return this.#continue(receipt, dice);
      case 'answers-later':
        this.#post(receipt, dice.magnitude(200, 20_000), dice.chance(0.3));
        return response(202);
      case 'answers-early':
        this.#post(receipt, 0, dice.chance(0.3));
        return response(202);
      case 'says-it-failed':
        if (receipt.attempt > 1) this.#post(receipt, 500, false);
        else this.#after(300, () => this.#send(receipt, '/fail', 'it did not work'));
        return response(202);
      case 'never-answers':
        if (dice.chance(0.5)) this.#after(2_000, () => this.#send(receipt, '/heartbeat', undefined));
        return response(202);
      default:
        return response(200, { 'content-type': 'application/json' }, '{"done":true}');
    }
  };

  #continue(receipt: Receipt, dice: Dice): HttpOutcome {
    const runs = (this.#continued.get(receipt.webhookId) ?? 0) + 1;
    this.#continued.set(receipt.webhookId, runs);
    const run = Number(receipt.webhookId.split('~')[1] ?? 1);
    if (run >= 3) return response(200);
    return response(200, { 'errand-continue': `${dice.whole(0, 20)}s` }, JSON.stringify({ run }));
  }

  /** Posts the answer; at times twice, as a target does that did not hear that it was taken. */
  #post(receipt: Receipt, afterMs: number, again: boolean): void {
    this.#after(afterMs, async () => {
      await this.#send(receipt, '', { answer: receipt.webhookId });
      if (again) await this.#send(receipt, '', { answer: receipt.webhookId });
    });
  }

  #after(ms: number, run: () => void): void {
    this.#world.timeline.after(ms, run);
  }

  async #send(receipt: Receipt, ending: string, body: unknown): Promise<void> {
    const { callbackUrl, taskId } = receipt;
    if (callbackUrl === null || taskId === null) return;
    const path = decodeURIComponent(new URL(callbackUrl).pathname) + ending;
    const { answer, endedAt } = await this.#client().send({ method: 'POST', path, ...(body === undefined ? {} : { body }) });
    if (answer?.status === 200 && ending === '') this.taken.push({ taskId, body: JSON.stringify(body), at: endedAt });
  }
}
