import type { HttpCaller, HttpOutcome, HttpRequest } from '../../../src/application/ports.ts';
import { headerOf, response } from '../../support/scripted-caller.ts';
import { longestCallMs } from '../clients/behaviours.ts';
import type { Dice } from '../kernel/dice.ts';
import type { SimulatedProcess } from '../kernel/process.ts';
import type { World } from '../kernel/world.ts';

/** A request that reached its target. Times are epoch milliseconds, `calledAt` by the clock of the process that made the call. */
export type Receipt = {
  readonly at: number;
  readonly calledAt: number;
  /** When the caller heard its end or died; null while it is under way. */
  endedAt: number | null;
  readonly by: string;
  readonly url: string;
  readonly taskId: string | null;
  readonly attempt: number;
  readonly webhookId: string;
  readonly callbackUrl: string | null;
  readonly body: Uint8Array | null;
  /** What the caller heard of it; null if it was cut off. */
  heard: HttpOutcome | null;
};

/** How a target behaves, apart from what goes wrong: by the path of its address. */
export type Behaviour = (receipt: Receipt, dice: Dice) => HttpOutcome;

/** All targets of the world. They keep a receipt of everything that reaches them, which is the truth that a history is checked against. */
export class Targets {
  readonly receipts: Receipt[] = [];
  readonly #world: World;
  readonly #dice: Dice;
  readonly #behave: Behaviour;

  constructor(world: World, behave: Behaviour) {
    this.#world = world;
    this.#dice = world.dice('targets');
    this.#behave = behave;
  }

  /** The caller of one process. It keeps the rules of one: a call begins within its window or not at all. */
  from(process: SimulatedProcess): HttpCaller {
    return { call: (request) => this.#call(process, request) };
  }

  #call(process: SimulatedProcess, request: HttpRequest): Promise<HttpOutcome> {
    if (!process.alive) return new Promise(() => undefined);
    const { faults } = this.#world;
    const connectMs = faults.strike('connecting is slow') ? this.#dice.magnitude(100, 20_000) : this.#dice.whole(1, 20);
    return new Promise((resolve) => {
      let isOver = false;
      let receipt: Receipt | null = null;
      const end = (outcome: HttpOutcome): void => {
        if (isOver) return;
        isOver = true;
        if (receipt !== null) {
          receipt.endedAt ??= this.#world.now;
          receipt.heard = outcome;
        }
        resolve(outcome);
      };
      const interrupted: HttpOutcome = { kind: 'interrupted', message: 'the host is stopping' };
      if (request.signal?.aborted === true) return end(interrupted);
      request.signal?.addEventListener('abort', () => end(interrupted), { once: true });
      process.later(request.timeoutMs, () => end({ kind: 'timeout', message: `no answer within ${request.timeoutMs} ms` }));
      process.later(connectMs, () => {
        if (isOver) return;
        const { beginBefore } = request;
        if (process.clock.now() >= beginBefore.wall || process.clock.monotonic() >= beginBefore.monotonic) {
          return end({ kind: 'interrupted', message: 'the start window was over' });
        }
        const received = this.#receive(process, request);
        receipt = received;
        process.onDeath(() => {
          received.endedAt ??= this.#world.now;
        });
        this.#answer(process, received, end);
      });
    });
  }

  #receive(process: SimulatedProcess, request: HttpRequest): Receipt {
    const id = headerOf(request, 'errand-task-id');
    const receipt: Receipt = {
      at: this.#world.now,
      calledAt: process.clock.now(),
      endedAt: null,
      by: process.name,
      url: request.url,
      taskId: id === undefined ? null : decodeURIComponent(id),
      attempt: Number(headerOf(request, 'errand-attempt') ?? 0),
      webhookId: headerOf(request, 'webhook-id') ?? '',
      callbackUrl: headerOf(request, 'errand-callback-url') ?? null,
      body: request.body,
      heard: null,
    };
    this.receipts.push(receipt);
    this.#world.note(`${process.name} called ${request.url} for ${receipt.webhookId}, attempt ${receipt.attempt}`);
    return receipt;
  }

  #answer(process: SimulatedProcess, receipt: Receipt, end: (outcome: HttpOutcome) => void): void {
    const { faults } = this.#world;
    const answer = this.#behave(receipt, this.#dice);
    const usualMs = receipt.url.endsWith('/takes-long') ? this.#dice.whole(1_000, longestCallMs) : this.#dice.whole(1, 80);
    const slowMs = faults.strike('target is slow') ? this.#dice.magnitude(100, 800_000) : usualMs;
    const fate = faults.first('target fails', 'target acts and is cut off');
    process.later(slowMs, () => {
      if (fate === 'target acts and is cut off') return end({ kind: 'network', message: 'the connection was reset' });
      if (fate === 'target fails')
        return end(response(this.#dice.pick([500, 503, 429, 408]), this.#dice.chance(0.2) ? { 'retry-after': '7' } : {}));
      end(answer);
    });
  }
}
