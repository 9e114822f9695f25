import * as z from 'zod';
import { type Reading, refuse } from '../../../application/reading.ts';
import type { BodyInput, CallbackInput, OutgoingInput } from '../../../application/task-input.ts';
import { limits } from '../../../domain/limits.ts';
import type { FinishedStatus } from '../../../domain/task/events.ts';
import { readBody, readBodyBase64 } from './body.ts';
import { headers, noHeaders, refuseMaskedValues, secretHeaders } from './headers.ts';
import { parsed, type Report, read } from './parse-result.ts';

/** Where a request goes. `target` is scheme, host and port, the port always named: what slots and queues are shared out by. */
export type Destination = { readonly url: string; readonly target: string };
/** `address` is the parsed URL, for the check of a literal address. */
type Addressed = Destination & { readonly address: URL };

/** The request of a task: where it goes and what it carries. */
export type HttpRequestInput = OutgoingInput & { readonly body: BodyInput | null };
/** What a schema gives: the input and its parsed URL, which is not part of it. */
export type WithAddress<T> = { readonly input: T; readonly address: URL };

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];
const outcomes: readonly FinishedStatus[] = ['succeeded', 'failed', 'cancelled'];
const defaultPorts: Readonly<Record<string, string>> = { 'http:': '80', 'https:': '443' };
/** The URL parser forgives these; a text that it has to mend was not meant as it stands. */
const absoluteHttp = /^https?:\/\/[^/\\]/i;
const mended = /^[\s\p{Cc}]|[\s\p{Cc}]$|[\t\r\n]/u;

function readUrl(value: unknown): Reading<Addressed> {
  if (typeof value !== 'string') return refuse('must be a string');
  if (value.length > limits.urlLength) return refuse(`must be at most ${limits.urlLength} characters long`);
  if (mended.test(value)) return refuse('must not have white space around it, nor tabs and line breaks in it');
  const address = URL.parse(value);
  if (address === null) return refuse('is not a URL');
  const defaultPort = defaultPorts[address.protocol];
  if (defaultPort === undefined || !absoluteHttp.test(value)) return refuse('must begin with http:// or https://');
  if (address.username !== '' || address.password !== '') return refuse('must not hold credentials: give them in a header');
  const port = address.port === '' ? defaultPort : address.port;
  return { ok: true, value: { url: value, target: `${address.protocol}//${address.hostname}:${port}`, address } };
}

function readMethod(value: unknown): Reading<string> {
  // Upper case turns some letters outside ASCII into ASCII ones, so they are ruled out first.
  const method = typeof value === 'string' && /^[A-Za-z]+$/.test(value) ? value.toUpperCase() : '';
  return methods.includes(method) ? { ok: true, value: method } : refuse(`must be one of ${methods.join(', ')}`);
}

function readOn(value: unknown, report: Report): readonly FinishedStatus[] {
  const expected = `must be a list of some of ${outcomes.join(', ')}`;
  if (!Array.isArray(value) || value.length === 0) {
    report(expected);
    return outcomes;
  }
  const on: FinishedStatus[] = [];
  for (const [index, word] of value.entries()) {
    const outcome = outcomes.find((known) => known === word);
    if (outcome === undefined) return giveUp(`must be one of ${outcomes.join(', ')}`, index);
    if (on.includes(outcome)) return giveUp(`${outcome} is given twice`, index);
    on.push(outcome);
  }
  return on;

  function giveUp(message: string, index: number): readonly FinishedStatus[] {
    report(message, [index]);
    return outcomes;
  }
}

const outgoingFields = {
  url: read(
    {
      type: 'string',
      format: 'uri',
      maxLength: limits.urlLength,
      description: 'http or https, without credentials.',
      examples: ['https://example.com/hook'],
    },
    readUrl,
  ),
  method: read({ type: 'string', enum: methods, default: 'POST', description: 'In any case.' }, readMethod).optional(),
  headers: headers.optional(),
  secretHeaders: secretHeaders.optional(),
};

type OutgoingFields = z.output<z.ZodObject<typeof outgoingFields>>;

function outgoing(fields: OutgoingFields, report: Report): OutgoingInput {
  const given = fields.headers ?? noHeaders;
  const secrets = fields.secretHeaders ?? [];
  refuseMaskedValues(given, secrets, report);
  const { url, target } = fields.url;
  return { url, target, method: fields.method ?? 'POST', headers: given.entries, secretHeaders: secrets };
}

/** The request a task makes. */
export const httpRequest = z
  .strictObject({
    ...outgoingFields,
    body: read(
      {
        description:
          'At most 256 KiB. A string is sent as it is; anything else as application/json. With GET or HEAD an object becomes query parameters.',
      },
      readBody,
    ).optional(),
    bodyBase64: read(
      { type: 'string', contentEncoding: 'base64', description: 'The body as bytes, instead of `body`.' },
      readBodyBase64,
    ).optional(),
  })
  .transform((fields, context): WithAddress<HttpRequestInput> => {
    const { url, target, method, headers: given, secretHeaders: secrets } = outgoing(fields, reportTo(context));
    if (fields.body !== undefined && fields.bodyBase64 !== undefined) {
      context.addIssue({ code: 'custom', message: 'cannot be given together with body', path: ['bodyBase64'] });
    }
    const body = fields.body ?? fields.bodyBase64 ?? null;
    return { input: { url, target, method, headers: given, secretHeaders: secrets, body }, address: fields.url.address };
  });

/** The request that tells how a task ended. */
export const callback = z
  .strictObject({
    ...outgoingFields,
    on: parsed(
      {
        type: 'array',
        items: { type: 'string', enum: outcomes },
        minItems: 1,
        uniqueItems: true,
        default: outcomes,
        description: 'The outcomes to tell.',
      },
      readOn,
    ).optional(),
  })
  .transform((fields, context): WithAddress<CallbackInput> => {
    const { url, target, method, headers: given, secretHeaders: secrets } = outgoing(fields, reportTo(context));
    return {
      input: { url, target, method, headers: given, secretHeaders: secrets, on: fields.on ?? outcomes },
      address: fields.url.address,
    };
  });

function reportTo(context: z.RefinementCtx): Report {
  return (message, path = []) => context.addIssue({ code: 'custom', message, path: [...path] });
}
