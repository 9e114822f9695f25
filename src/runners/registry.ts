import type { Runners } from '../application/runner.ts';
import { message } from './message.ts';
import { simulate } from './simulate.ts';

/** The code that tasks can name as `runner`. Add yours here: a name, checked parameters, and what to do with them. */
export const runners: Runners = new Map([
  ['message', message],
  ['simulate', simulate],
]);
