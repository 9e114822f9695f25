import type { HttpEvent, HttpResponse } from '../../../src/handlers/http/http-types.ts';
import type { SimulatedHost } from '../hosts/host.ts';
import type { Dice } from '../kernel/dice.ts';
import type { World } from '../kernel/world.ts';

export type Asked = {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
};
/** A request and what became of it: `answer` is null if none ever came, so that nobody knows what was done. */
export type Exchange = {
  readonly asked: Asked;
  readonly sentAt: number;
  readonly endedAt: number;
  /** Sent more than once: what an earlier try did, a later one finds done. */
  readonly repeated: boolean;
  readonly answer: { readonly status: number; readonly body: unknown } | null;
};

const tries = 6;

/** A client that asks again when it hears nothing, or that it should: as every client of such a service must. */
export class Client {
  readonly exchanges: Exchange[] = [];
  readonly #world: World;
  readonly #host: SimulatedHost;
  readonly #dice: Dice;
  #underWay = 0;

  constructor(world: World, host: SimulatedHost) {
    this.#world = world;
    this.#host = host;
    this.#dice = world.dice('client');
  }

  get idle(): boolean {
    return this.#underWay === 0;
  }

  async send(asked: Asked): Promise<Exchange> {
    this.#underWay += 1;
    const sentAt = this.#world.now;
    let answer: Exchange['answer'] = null;
    let sent = 0;
    while (answer === null && sent < tries) {
      if (sent > 0) await this.#pause(this.#dice.magnitude(200, 20_000));
      sent += 1;
      const response = await this.#host.request(eventOf(asked));
      if (response !== null && !this.#world.faults.strike('answer to a client lost')) answer = this.#read(asked, response);
    }
    const exchange: Exchange = { asked, sentAt, endedAt: this.#world.now, repeated: sent > 1, answer };
    this.#world.note(`client: ${asked.method} ${asked.path} -> ${answer?.status ?? 'nobody knows'}`);
    this.exchanges.push(exchange);
    this.#underWay -= 1;
    return exchange;
  }

  #read(asked: Asked, { statusCode, body }: HttpResponse): Exchange['answer'] {
    if (statusCode === 503 || statusCode === 429) return null;
    if (statusCode >= 500) this.#world.violate('API', `${asked.method} ${asked.path} was answered ${statusCode}: ${body}`);
    return { status: statusCode, body: body === '' ? null : JSON.parse(body) };
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.#world.timeline.after(ms, resolve));
  }
}

function eventOf({ method, path, headers, body }: Asked): HttpEvent {
  const sent = body === undefined ? {} : { body: JSON.stringify(body) };
  return {
    method,
    path,
    query: {},
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...sent,
  };
}
