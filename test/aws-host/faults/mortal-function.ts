import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { FunctionError, type LambdaFunction } from '../lambda/function.ts';
import { type Asked, kindsOf } from './asked.ts';
import { type Fault, type FaultOf, none } from './faults.ts';
import type { Invocation, Made, Outcome } from './function-process.ts';
import { createProxy } from './proxy.ts';
import type { FunctionName, World } from './world.ts';

/** When a life ends: as its request of this number reaches AWS, before or after AWS has carried it out. */
export type Death = {
  readonly request: number;
  /** Counts only requests of this operation, or of this kind (`kindsOf`). */
  readonly of?: string;
  readonly carriedOut: boolean;
};
export type MortalFunction = LambdaFunction & {
  /** Deaths so far. */
  readonly died: number;
  /** What becomes of its requests besides; nothing by default. */
  weather(faultOf: FaultOf): void;
  stop(): Promise<void>;
};

type Waiting = { readonly resolve: (result: unknown) => void; readonly reject: (error: Error) => void };
type Life = { readonly child: ChildProcess; readonly waiting: Map<number, Waiting>; requests: number; dead: boolean };

/**
 * A function of a world in a process of its own, killed again and again as its requests pass by: once for each of the deaths given, in their
 * order, or after every request of which `deaths` says so.
 * Whatever it had under way is gone with it; the next invocation starts another process.
 */
export async function createMortalFunction(
  world: World,
  name: FunctionName,
  deaths: readonly Death[] | ((asked: Asked) => boolean),
): Promise<MortalFunction> {
  const proxy = createProxy();
  const resource = world.resources.get(name);
  const given = world.environments.get(name);
  if (resource === undefined || given === undefined) throw new Error(`there is no function ${name}`);
  const [dynamodb, sqs, others] = await Promise.all(
    [world.endpoints.dynamodb, world.endpoints.sqs, world.endpoints.others].map((endpoint) => proxy.before(endpoint)),
  );
  const environment = Object.fromEntries(Object.entries(given).map(([key, value]) => [key, value.replace(world.proxied.sqs, sqs ?? '')]));
  const made: Made = { file: new URL(`../../../${resource.Handler.replace(/\.[^./]+$/, '.ts')}`, import.meta.url).href, environment };
  let [number, died] = [0, 0];
  let life: Life | undefined;
  let weather: FaultOf = () => none;

  proxy.inject((asked) => deathOf(asked) ?? weather(asked));

  /** What ends the present life, if this request does. */
  function deathOf(asked: Asked): Fault | null {
    const own = life;
    if (own === undefined || own.dead) return null;
    if (typeof deaths === 'function') return deaths(asked) ? ending(own, true) : null;
    const death = deaths[died];
    if (death === undefined) return null;
    if (death.of !== undefined && death.of !== asked.operation && !kindsOf(asked).includes(death.of)) return null;
    own.requests += 1;
    if (own.requests < death.request) return null;
    return ending(own, death.carriedOut);
  }

  function ending(own: Life, isCarriedOut: boolean): Fault {
    own.dead = true;
    died += 1;
    const happens = (): void => void own.child.kill('SIGKILL');
    if (isCarriedOut) return { kind: 'then', happens };
    happens();
    return { kind: 'request lost' };
  }

  function begin(): Life {
    const child = fork(new URL('./function-process.ts', import.meta.url), {
      execArgv: [],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      env: {
        ...process.env,
        ERRAND_FUNCTION: JSON.stringify(made),
        AWS_ENDPOINT_URL_DYNAMODB: dynamodb,
        AWS_ENDPOINT_URL_SQS: sqs,
        AWS_ENDPOINT_URL_EVENTBRIDGE: others,
        AWS_ENDPOINT_URL_SECRETS_MANAGER: others,
      },
    });
    const begun: Life = { child, waiting: new Map(), requests: 0, dead: false };
    child.on('message', (outcome: Outcome) => {
      const waiting = begun.waiting.get(outcome.number);
      begun.waiting.delete(outcome.number);
      if ('error' in outcome) waiting?.reject(new FunctionError(outcome.error));
      else waiting?.resolve(outcome.result);
    });
    child.on('exit', () => {
      begun.dead = true;
      if (life === begun) life = undefined;
      for (const { reject } of begun.waiting.values()) reject(new FunctionError(`${name} died`));
    });
    return begun;
  }

  return {
    name,
    arn: resource.arn,
    get died() {
      return died;
    },
    weather(faultOf) {
      weather = faultOf;
    },
    idle: async () => undefined,
    warm: async () => undefined,
    invoke(event) {
      // One that is about to be gone still takes it with it, as nobody knows yet.
      life ??= begin();
      const own = life;
      number += 1;
      const invocation: Invocation = { number, event, timeoutMs: resource.Timeout * 1_000, aheadMs: world.clock.aheadMs };
      return new Promise((resolve, reject) => {
        own.waiting.set(invocation.number, { resolve, reject });
        own.child.send(invocation, (error) => {
          if (error !== null) reject(new FunctionError(`${name} is gone`));
        });
      });
    },
    async stop() {
      const child = life?.child;
      if (child !== undefined && child.exitCode === null && child.signalCode === null) {
        child.kill('SIGKILL');
        await once(child, 'exit');
      }
      await proxy.close();
    },
  };
}
