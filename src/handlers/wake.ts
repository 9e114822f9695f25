import { lambdaHandler } from './lambda.ts';
import { createWakeFunction } from './wiring/wake-function.ts';

/** Looks at streams whose next call takes up to 30 seconds. */
export const create = createWakeFunction('wake', 'short');

export const handler = lambdaHandler(create);
