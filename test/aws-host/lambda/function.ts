import { randomUUID } from 'node:crypto';
import { pathToFileURL } from 'node:url';
import type { Context } from 'aws-lambda';
import { systemClock } from '../../../src/adapters/system-clock.ts';
import type { Overrides } from '../../../src/handlers/lambda.ts';
import type { FunctionResource } from '../stack/stack.ts';
import { runAs } from './recorder.ts';

/** More invocations are under way than the function may have. */
export class Throttled extends Error {
  override readonly name = 'TooManyRequestsException';
}
/** The function threw, took too long, or gave back what cannot be. */
export class FunctionError extends Error {
  override readonly name = 'FunctionError';
}
/** The event is larger than an invocation may be. */
export class RequestTooLarge extends Error {
  override readonly name = 'RequestTooLargeException';
}

export type LambdaFunction = {
  readonly name: string;
  readonly arn: string;
  /** Invokes it and waits for what it gives back. Throws `Throttled`, `FunctionError` or `RequestTooLarge`. */
  invoke(event: unknown): Promise<unknown>;
  /** Resolves when no invocation is under way any more. */
  idle(): Promise<void>;
  /** Makes a first instance, so that a function that cannot be made is known at once. */
  warm(): Promise<void>;
};

type Entry = (event: unknown, context: Context) => Promise<unknown>;
type Handlers = { create(environment: Readonly<Record<string, string | undefined>>, overrides?: Overrides): Promise<Entry> };
type Instance = { readonly entry: Promise<Entry>; busy: number };

/** Of one function at most; further invocations share these. On AWS each invocation under way has one to itself. */
const instancesAtMost = 4;
const unreservedConcurrency = 1_000;
/** Of a synchronous invocation, in and out (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html). */
const payloadBytes = 6 * 1_024 * 1_024;

/** A function of the stack: the source file that `Handler` names, made with its environment, run in this process under Lambda's limits. */
export function createFunction(
  resource: FunctionResource,
  environment: Readonly<Record<string, string>>,
  root: string,
  overrides: Overrides = {},
): LambdaFunction {
  const { FunctionName: name, arn } = resource;
  const instances: Instance[] = [];
  const underWay = new Set<Promise<unknown>>();
  const atMost = resource.ReservedConcurrentExecutions ?? unreservedConcurrency;
  let count = 0;

  /** In the list from the start, so that a burst makes no more of them than there may be. */
  function make(): Instance {
    const file = `${root}/${resource.Handler.replace(/\.[^./]+$/, '.ts')}`;
    const entry = runAs(name, async () => ((await import(pathToFileURL(file).href)) as Handlers).create(environment, overrides));
    const made = { entry, busy: 0 };
    instances.push(made);
    entry.catch(() => end(made));
    return made;
  }

  function end(instance: Instance): void {
    const at = instances.indexOf(instance);
    if (at !== -1) instances.splice(at, 1);
  }

  function leastBusy(): Instance {
    const [least] = instances.toSorted((one, other) => one.busy - other.busy);
    return least === undefined || (least.busy > 0 && instances.length < instancesAtMost) ? make() : least;
  }

  async function run(event: unknown): Promise<unknown> {
    const chosen = leastBusy();
    chosen.busy += 1;
    const timeoutMs = resource.Timeout * 1_000;
    const endsAt = performance.now() + timeoutMs;
    const over = new AbortController();
    try {
      const context = contextOf(resource, () => Math.max(0, endsAt - performance.now()));
      const work = runAs(name, async () => (await chosen.entry)(event, context));
      const timedOut = systemClock.sleep(timeoutMs, over.signal).then(() => {
        if (over.signal.aborted) return undefined;
        // Lambda ends the instance with it.
        end(chosen);
        throw new FunctionError(`${name} timed out after ${resource.Timeout} seconds`);
      });
      const result = JSON.stringify((await Promise.race([work, timedOut])) ?? null);
      if (Buffer.byteLength(result) > payloadBytes) throw new FunctionError(`${name} gave back more than ${payloadBytes} bytes`);
      return JSON.parse(result);
    } catch (error) {
      if (error instanceof FunctionError) throw error;
      throw new FunctionError(`${name} failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    } finally {
      over.abort();
      chosen.busy -= 1;
    }
  }

  return {
    name,
    arn,
    async invoke(event) {
      if (count >= atMost) throw new Throttled(`${name} has ${count} invocations under way`);
      const payload = JSON.stringify(event);
      if (Buffer.byteLength(payload) > payloadBytes) throw new RequestTooLarge(`an event of ${name} has more than ${payloadBytes} bytes`);
      count += 1;
      const invocation = run(JSON.parse(payload)).finally(() => {
        count -= 1;
        underWay.delete(invocation);
      });
      underWay.add(invocation);
      return invocation;
    },
    idle: async () => void (await Promise.allSettled(underWay)),
    async warm() {
      await leastBusy().entry.catch((error: unknown) => {
        throw new Error(`function ${name} cannot be made: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
      });
    },
  };
}

function contextOf(resource: FunctionResource, remainingMs: () => number): Context {
  const unused = (): never => {
    throw new Error('functions of nodejs24.x return promises');
  };
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionName: resource.FunctionName,
    functionVersion: '$LATEST',
    invokedFunctionArn: resource.arn,
    memoryLimitInMB: String(resource.MemorySize),
    awsRequestId: randomUUID(),
    logGroupName: `/aws/lambda/${resource.FunctionName}`,
    logStreamName: 'local',
    getRemainingTimeInMillis: () => Math.floor(remainingMs()),
    done: unused,
    fail: unused,
    succeed: unused,
  };
}
