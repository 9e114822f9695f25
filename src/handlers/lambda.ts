import type { Clock } from '../application/ports.ts';
import type { Environment } from './environment.ts';

/** What is used of the context of an invocation. */
export type InvocationContext = {
  /** Milliseconds until Lambda ends the invocation, and with it this process. */
  getRemainingTimeInMillis(): number;
  readonly awsRequestId?: string | undefined;
};
export type LambdaHandler = (event: unknown, context: InvocationContext) => Promise<unknown>;
/** What only tests and the local harness replace. */
export type Overrides = { readonly clock?: Clock };
/** Wires a function from its environment, once a process. */
export type Create = (environment: Environment, overrides?: Overrides) => Promise<LambdaHandler>;

/**
 * The export that Lambda calls. The function is wired at its first invocation, as reading secrets may fail: a failed wiring fails
 * that invocation and is tried again at the next one.
 */
export function lambdaHandler(create: Create, environment: () => Environment = () => process.env): LambdaHandler {
  let made: Promise<LambdaHandler> | undefined;
  return async (event, context) => {
    made ??= create(environment()).catch((error: unknown) => {
      made = undefined;
      throw error;
    });
    const handle = await made;
    return handle(event, context);
  };
}
