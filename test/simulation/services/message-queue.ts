import type { BatchResponse } from '../../../src/handlers/batch.ts';
import type { Dice } from '../kernel/dice.ts';
import type { World } from '../kernel/world.ts';

export type Message = { readonly messageId: string; readonly body: string };
export type MessageQueueOptions = {
  readonly name: string;
  readonly visibilityMs: number;
  readonly maxReceives: number;
  readonly batch: number;
  /** Whether messages get lost at times, which no queue should do and Errand makes up for where it can. */
  readonly mayLose: boolean;
  /** Batches handled side by side. */
  readonly concurrency: number;
  /** Hears of dead letters. */
  readonly onDead?: (body: string) => void;
  readonly invoke: (event: { readonly Records: readonly Message[] }) => Promise<BatchResponse | null>;
};

type Held = { readonly messageId: string; readonly body: string; receives: number };

/** A standard queue of SQS and the mapping that reads it: at least once, in no order; what fails too often is a dead letter. */
export class MessageQueue {
  readonly #world: World;
  readonly #options: MessageQueueOptions;
  readonly #dice: Dice;
  readonly #visible: Held[] = [];
  #hidden = 0;
  #underWay = 0;
  #ids = 0;

  constructor(world: World, options: MessageQueueOptions) {
    this.#world = world;
    this.#options = options;
    this.#dice = world.dice(`queue ${options.name}`);
  }

  /** Messages that wait for a reader. */
  get backlog(): number {
    return this.#visible.length;
  }

  get idle(): boolean {
    return this.#visible.length === 0 && this.#hidden === 0 && this.#underWay === 0;
  }

  send(body: string, delayMs: number): void {
    const { faults } = this.#world;
    if (this.#options.mayLose && faults.strike('message is lost')) return;
    this.#ids += 1;
    const held: Held = { messageId: `${this.#options.name}-${this.#ids}`, body, receives: 0 };
    const lateMs = faults.strike('message is late') ? this.#dice.magnitude(1_000, 10 * 60_000) : 0;
    this.#show(held, delayMs + this.#dice.whole(5, 40) + lateMs);
    if (faults.strike('message repeats')) this.#show({ ...held }, delayMs + this.#dice.magnitude(10, 20 * 60_000));
  }

  #show(held: Held, afterMs: number): void {
    this.#hidden += 1;
    this.#world.timeline.after(afterMs, () => {
      this.#hidden -= 1;
      this.#visible.push(held);
      this.#read();
    });
  }

  #read(): void {
    const { concurrency, batch, maxReceives } = this.#options;
    while (this.#underWay < concurrency && this.#visible.length > 0) {
      const taken = this.#visible.splice(0, this.#dice.whole(1, batch));
      for (const held of taken) held.receives += 1;
      const [dead, alive] = [
        taken.filter(({ receives }) => receives > maxReceives),
        taken.filter(({ receives }) => receives <= maxReceives),
      ];
      for (const { body } of dead) this.#options.onDead?.(body);
      if (alive.length > 0) void this.#hand(alive);
    }
  }

  async #hand(messages: readonly Held[]): Promise<void> {
    const { invoke, visibilityMs } = this.#options;
    const since = this.#world.now;
    this.#underWay += 1;
    const answer = await invoke({ Records: messages.map(({ messageId, body }) => ({ messageId, body })) });
    this.#underWay -= 1;
    const failed = new Set(answer?.batchItemFailures.map(({ itemIdentifier }) => itemIdentifier) ?? messages.map((each) => each.messageId));
    for (const held of messages) {
      if (failed.has(held.messageId)) this.#show(held, Math.max(0, since + visibilityMs - this.#world.now));
    }
    this.#read();
  }
}
