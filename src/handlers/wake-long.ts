import { lambdaHandler } from './lambda.ts';
import { createWakeFunction } from './wiring/wake-function.ts';

/** Looks at streams whose next call may take up to 14 minutes, and at those whose last one timed out. */
export const create = createWakeFunction('wakeLong', 'long');

export const handler = lambdaHandler(create);
