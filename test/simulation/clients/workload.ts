import type { Dice } from '../kernel/dice.ts';
import type { World } from '../kernel/world.ts';
import type { Asked, Client, Exchange } from './client.ts';
import { orchestrationOf, scheduleChangeOf, scheduleOf, taskChangeOf, taskOf } from './orders.ts';

type Kind = 'tasks' | 'schedules' | 'orchestrations';
/** Something that a client asked for, and everything it asked of it. */
export type Order = {
  readonly kind: Kind;
  readonly created: Exchange;
  /** Null if no answer ever told it. */
  readonly id: string | null;
  readonly asked: Exchange[];
};
/** How much is asked for; a failing world is tried with less. */
export type Amount = { readonly [kind in Kind]: number };

/** What clients do with the host: each makes something, then changes its mind a few times. */
export class Workload {
  readonly orders: Order[] = [];
  readonly #world: World;
  readonly #client: Client;
  readonly #withinMs: number;
  #left = 0;

  constructor(world: World, client: Client, amount: Amount, withinMs: number) {
    this.#world = world;
    this.#client = client;
    this.#withinMs = withinMs;
    for (const kind of ['tasks', 'schedules', 'orchestrations'] as const) {
      for (let number = 1; number <= amount[kind]; number += 1) this.#plan(kind, number);
    }
  }

  get done(): boolean {
    return this.#left === 0;
  }

  /** Schedules that have not ended by themselves are ended, those too that no client was told of. */
  async deleteSchedules(ids: readonly string[]): Promise<void> {
    for (const id of ids) await this.#client.send({ method: 'DELETE', path: `/schedules/${id}` });
  }

  #plan(kind: Kind, number: number): void {
    const dice = this.#world.dice(`${kind} ${number}`);
    this.#left += 1;
    this.#world.timeline.after(dice.whole(0, this.#withinMs), async () => {
      await this.#live(kind, number, dice);
      this.#left -= 1;
    });
  }

  async #live(kind: Kind, number: number, dice: Dice): Promise<void> {
    const given = { tasks: taskOf, schedules: scheduleOf, orchestrations: orchestrationOf }[kind](dice);
    const ownId = dice.chance(0.7) ? `${kind.slice(0, -1)}-${number}` : null;
    const body = ownId === null ? given : { id: ownId, ...given };
    const headers = ownId === null ? { 'idempotency-key': `key-${kind}-${number}` } : {};
    // Somebody else may have an id that a child is to have.
    if (ownId !== null && kind !== 'tasks' && dice.chance(0.1)) await this.#take(`${ownId}.${dice.whole(1, 2)}`, dice);
    const created = await this.#client.send({ method: 'POST', path: `/${kind}`, headers, body });
    const told = created.answer?.body as { readonly id?: string } | null | undefined;
    const id = told?.id ?? ownId;
    const order: Order = { kind, created, id, asked: [] };
    this.orders.push(order);
    if (id === null || created.answer === null) return;
    if (dice.chance(0.1)) await this.#ask(order, { method: 'POST', path: `/${kind}`, headers, body });
    for (let more = dice.whole(0, 3); more > 0; more -= 1) {
      await this.#pause(dice.magnitude(50, 300_000));
      const asked = changeOf(kind, id, dice);
      await this.#ask(order, asked);
      if (asked.method === 'DELETE') return;
    }
  }

  async #take(id: string, dice: Dice): Promise<void> {
    const created = await this.#client.send({ method: 'POST', path: '/tasks', body: { id, ...taskOf(dice) } });
    this.orders.push({ kind: 'tasks', created, id, asked: [] });
  }

  async #ask(order: Order, asked: Asked): Promise<void> {
    order.asked.push(await this.#client.send(asked));
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.#world.timeline.after(ms, resolve));
  }
}

function changeOf(kind: Kind, id: string, dice: Dice): Asked {
  const path = `/${kind}/${id}`;
  const post = (ending: string, headers: Readonly<Record<string, string>> = {}): Asked => ({
    method: 'POST',
    path: `${path}/${ending}`,
    headers,
  });
  if (kind === 'tasks') {
    const what = dice.weighted({ patch: 4, cancel: 3, run: 2, retry: 3, redeliver: 2, delete: 2, read: 3 });
    if (what === 'patch') return { method: 'PATCH', path, body: taskChangeOf(dice) };
    if (what === 'delete') return { method: 'DELETE', path };
    return what === 'read' ? { method: 'GET', path } : post(what);
  }
  if (kind === 'schedules') {
    const what = dice.weighted({ patch: 3, pause: 2, resume: 3, trigger: 3, delete: 1, read: 1 });
    if (what === 'patch') return { method: 'PATCH', path, body: scheduleChangeOf(dice) };
    if (what === 'delete') return { method: 'DELETE', path };
    if (what === 'trigger') return post(what, { 'idempotency-key': `trigger-${dice.whole(1, 3)}` });
    return what === 'read' ? { method: 'GET', path } : post(what);
  }
  const what = dice.weighted({ patch: 2, cancel: 2, read: 2 });
  if (what === 'patch') return { method: 'PATCH', path, body: { delay: `${dice.magnitude(100, 60_000)}ms` } };
  return what === 'read' ? { method: 'GET', path } : post(what);
}
