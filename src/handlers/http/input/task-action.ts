import * as z from 'zod';
import type { InputError, ParseResult } from '../../../application/reading.ts';
import { type Reading, refuse } from '../../../application/reading.ts';
import type { ActionInput, JsonBodyInput } from '../../../application/task-input.ts';
import { limits } from '../../../domain/limits.ts';
import { jsonBody } from './body.ts';
import type { HttpRequestInput, WithAddress } from './http-request.ts';
import { read } from './parse-result.ts';
import { text } from './scalars.ts';

/** What the shape of an input does not say: the time, the rule for addresses, and the code that is registered. */
export type TaskInputContext = {
  /** Epoch milliseconds. */
  readonly now: number;
  readonly egress: 'any' | 'public';
  /** Whether the URL names an address that may not be called; asked only when egress is `public`. */
  refusedLiteral(url: URL): boolean;
  /** The registered runner of that name, or null. */
  runner(name: string): { parse(params: unknown): ParseResult<unknown> } | null;
};

type ActionOf<Kind extends ActionInput['kind']> = Extract<ActionInput, { readonly kind: Kind }>;

/** Code registered in src/runners, by name. */
export const runner = z.strictObject({
  name: text({ min: 1, max: limits.runnerNameLength }, { examples: ['example'] }),
  params: z.unknown().optional().meta({ default: {}, description: 'Checked by the runner itself; at most 256 KiB as JSON.' }),
});

function readDetail(value: unknown): Reading<JsonBodyInput> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? jsonBody(value) : refuse('must be an object');
}

/** An event put on the bus when due. */
export const event = z.strictObject({
  detailType: text({ min: 1, max: limits.detailTypeLength }, { examples: ['Reminder'] }),
  detail: read({ type: 'object', default: {}, description: 'At most 256 KiB as JSON.' }, readDetail).optional(),
});

/** The three ways to say what a task does, after the shape of each was checked. */
export type GivenAction = {
  readonly request?: WithAddress<HttpRequestInput> | undefined;
  readonly runner?: z.output<typeof runner> | undefined;
  readonly event?: z.output<typeof event> | undefined;
};

export function checkAddress(path: string, address: URL, context: TaskInputContext, errors: InputError[]): void {
  if (context.egress === 'public' && context.refusedLiteral(address)) {
    errors.push({ path, message: 'must not name a private, local or otherwise not globally routable address' });
  }
}

export function httpAction(given: WithAddress<HttpRequestInput>, context: TaskInputContext, errors: InputError[]): ActionOf<'http'> {
  checkAddress('request.url', given.address, context, errors);
  const { url, target, method, headers, secretHeaders, body } = given.input;
  return { kind: 'http', url, target, method, headers, secretHeaders, body };
}

/** A path below another one. */
export function under(path: string, below: string): string {
  return below === '' || below.startsWith('[') ? path + below : `${path}.${below}`;
}

function runnerAction(given: z.output<typeof runner>, context: TaskInputContext, errors: InputError[]): ActionOf<'runner'> | null {
  const registered = context.runner(given.name);
  if (registered === null) {
    errors.push({ path: 'runner.name', message: 'is not the name of a registered runner' });
    return null;
  }
  const params = given.params === undefined ? {} : given.params;
  const body = jsonBody(params);
  if (!body.ok) {
    errors.push({ path: 'runner.params', message: body.message });
    return null;
  }
  const checked = registered.parse(params);
  if (checked.ok) return { kind: 'runner', name: given.name, body: body.value };
  for (const error of checked.errors) errors.push({ path: under('runner.params', error.path), message: error.message });
  return null;
}

const kinds = ['request', 'runner', 'event'] as const;
const noDetail = new TextEncoder().encode('{}');

/** The one action given; null when there is none, more than one, or something wrong with it, which is then among the errors. */
export function actionOf(given: GivenAction, context: TaskInputContext, errors: InputError[]): ActionInput | null {
  const [first, ...others] = kinds.filter((kind) => given[kind] !== undefined);
  if (first === undefined) errors.push({ path: '', message: 'exactly one of request, runner and event must be given' });
  for (const other of others) errors.push({ path: other, message: `cannot be given together with ${first}` });
  if (others.length > 0) return null;
  if (given.request !== undefined) return httpAction(given.request, context, errors);
  if (given.runner !== undefined) return runnerAction(given.runner, context, errors);
  if (given.event === undefined) return null;
  const { detailType, detail } = given.event;
  return { kind: 'event', detailType, body: detail ?? { kind: 'json', bytes: noDetail.slice() } };
}
