import { systemClock } from '../../src/adapters/system-clock.ts';
import type { Clock } from '../../src/application/ports.ts';
import type { LambdaFunction } from './lambda/function.ts';
import type { FunctionResource, Stack } from './stack/stack.ts';

/** Where the services are reached. */
export type Endpoints = { readonly dynamodb: string; readonly sqs: string; readonly others: string };

/** Where tests of faults stand between the parts of the harness. `npm run start:aws` leaves all of them alone. */
export type Seams = {
  /** Puts something between every client and the services, and gives the endpoints to use instead. */
  readonly between: (endpoints: Endpoints) => Promise<Endpoints>;
  /** Changes what the template says. */
  readonly adjust: (stack: Stack) => Stack;
  /** Stands between a function and whoever invokes it. */
  readonly around: (lambda: LambdaFunction, resource: FunctionResource, environment: Readonly<Record<string, string>>) => LambdaFunction;
  /** The clock of the functions; that of the services is the machine's. */
  readonly clock: Clock;
};

export const noSeams: Seams = {
  between: async (endpoints) => endpoints,
  adjust: (stack) => stack,
  around: (lambda) => lambda,
  clock: systemClock,
};
