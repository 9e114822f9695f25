import * as z from 'zod';
import { eventsQuery, listQuery, streamQuery, taskQuery } from '../input/list-query.ts';
import { batch, cancel, task, taskChanges } from '../input/task-input.ts';
import * as answers from './answers.ts';
import { labelParameter, type Operation, type Operations } from './operation.ts';
import { orchestrationOperations } from './orchestration-operations.ts';
import { scheduleOperations } from './schedule-operations.ts';

type Schema = Readonly<Record<string, unknown>>;
const schemaOf = (schema: z.ZodType, io: 'input' | 'output'): Schema => {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  return lifted(rest) as Schema;
};

/** Shared schemas stand under `components`; zod places them under `$defs` of each document. */
const shared: Record<string, unknown> = {};

function lifted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(lifted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).flatMap(([key, member]): [string, unknown][] => {
    if (key === '$defs') {
      for (const [name, definition] of Object.entries(member as object)) shared[name] = lifted(definition);
      return [];
    }
    if (key === '$ref' && typeof member === 'string') return [[key, member.replace('#/$defs/', '#/components/schemas/')]];
    return [[key, lifted(member)]];
  });
  return Object.fromEntries(entries);
}

const taskAndMore = (status: 200 | 201): Operation['answers'] => ({ [status]: answers.taskAnswer });
const changes = { ...taskAndMore(200), 404: 'there is no such task', 409: 'what stands in the way, and since when', 412: 'If-Match' };
const answered = { 200: answers.answeredAnswer, 404: 'no such task, or the token is not genuine', 409: 'the run is over, or was answered' };
const bodyOrNone = z.strictObject({});

const operations: Operations = {
  '/tasks': {
    post: {
      summary: 'Create a task, or find the one the same content made before',
      body: task,
      idempotencyKey: true,
      answers: { 201: answers.taskAnswer, 200: answers.taskAnswer, 409: 'the id is taken by other content, or was deleted' },
    },
    get: {
      summary: 'List tasks, newest first',
      query: listQuery,
      extraParameters: [labelParameter],
      answers: { 200: answers.listAnswer },
    },
  },
  '/tasks/batch': {
    post: { summary: 'Create up to 100 tasks', body: batch, idempotencyKey: true, answers: { 200: answers.batchAnswer } },
  },
  '/tasks/{id}': {
    get: {
      summary: 'Read a task, as it is or as it was',
      query: taskQuery,
      answers: { ...taskAndMore(200), 404: 'there is no such task' },
    },
    patch: { summary: 'Change a task while it is scheduled', body: taskChanges, ifMatch: true, answers: changes },
    delete: { summary: 'Delete a task; its id is never used again', ifMatch: true, answers: { ...changes, 200: null, 204: null } },
  },
  '/tasks/{id}/status': {
    get: { summary: 'Read the status alone', answers: { 200: answers.statusAnswer, 404: 'there is no such task' } },
  },
  '/tasks/{id}/result': {
    get: {
      summary: 'Read the outcome',
      answers: { 200: answers.resultAnswer, 202: z.strictObject({ id: z.string(), status: z.string() }), 404: 'there is no such task' },
    },
  },
  '/tasks/{id}/events': {
    get: { summary: 'Read the history, oldest first', query: eventsQuery, answers: { 200: answers.historyAnswer, 404: 'no such task' } },
  },
  '/tasks/{id}/cancel': {
    post: { summary: 'Cancel a scheduled or waiting task', body: cancel, bodyIsOptional: true, ifMatch: true, answers: changes },
    put: { summary: 'Cancel a scheduled or waiting task', body: cancel, bodyIsOptional: true, ifMatch: true, answers: changes },
  },
  '/tasks/{id}/run': {
    post: { summary: 'Make a scheduled task due now', body: bodyOrNone, bodyIsOptional: true, ifMatch: true, answers: changes },
  },
  '/tasks/{id}/retry': {
    post: {
      summary: 'Give a failed task a fresh set of attempts',
      body: bodyOrNone,
      bodyIsOptional: true,
      ifMatch: true,
      answers: changes,
    },
  },
  '/tasks/{id}/redeliver': {
    post: { summary: 'Send the callback of a finished task again', body: bodyOrNone, bodyIsOptional: true, answers: changes },
  },
  '/tasks/{id}/callback/{token}': {
    post: { summary: 'An asynchronous target answers', body: 'bytes', open: true, answers: answered },
  },
  '/tasks/{id}/callback/{token}/fail': {
    post: { summary: 'An asynchronous target reports a failure', body: 'bytes', open: true, answers: answered },
  },
  '/tasks/{id}/callback/{token}/heartbeat': {
    post: { summary: 'An asynchronous target is still at work', open: true, answers: answered },
  },
  ...scheduleOperations,
  ...orchestrationOperations,
  '/stats': { get: { summary: 'Count the tasks in each state', answers: { 200: answers.statisticsAnswer } } },
  '/events': {
    get: { summary: 'Every event as it is committed, as server-sent events', query: streamQuery, answers: { 200: 'text/event-stream' } },
  },
  '/health': { get: { summary: 'Whether the host is up', open: true, answers: { 200: answers.healthAnswer } } },
};

const reasons: Readonly<Record<number, string>> = { 200: 'OK', 201: 'Created', 202: 'Not finished yet', 204: 'Done' };

function answerOf(status: number, answer: z.ZodType | string | null): object {
  if (answer === null) return { description: reasons[status] ?? 'OK' };
  if (status >= 400) return { description: String(answer), content: { 'application/problem+json': { schema: problemRef } } };
  if (typeof answer === 'string') return { description: reasons[status] ?? 'OK', content: { [answer]: { schema: { type: 'string' } } } };
  return { description: reasons[status] ?? 'OK', content: { 'application/json': { schema: schemaOf(answer, 'output') } } };
}

const problemRef = { $ref: '#/components/schemas/Problem' };

function queryParameters(query: z.ZodObject | undefined): object[] {
  if (query === undefined) return [];
  const { properties = {} } = schemaOf(query, 'input') as { properties?: Record<string, Schema> };
  return Object.entries(properties).map(([name, schema]) => ({ name, in: 'query', schema }));
}

function parametersOf(path: string, operation: Operation): object[] {
  const names = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
  const inPath = names.map((name) => ({ name, in: 'path', required: true, schema: { type: 'string' } }));
  const headers = [
    ...(operation.ifMatch === true ? ['If-Match'] : []),
    ...(operation.idempotencyKey === true ? ['Idempotency-Key'] : []),
  ].map((name) => ({ name, in: 'header', schema: { type: 'string' } }));
  return [...inPath, ...queryParameters(operation.query), ...(operation.extraParameters ?? []), ...headers];
}

function bodyOf({ body, bodyIsOptional }: Operation): object {
  if (body === undefined) return {};
  const content = body === 'bytes' ? { '*/*': { schema: {} } } : { 'application/json': { schema: schemaOf(body, 'input') } };
  return { requestBody: { required: body !== 'bytes' && bodyIsOptional !== true, content } };
}

function operationOf(path: string, operation: Operation): object {
  const { '200': ok, ...rest } = operation.answers as Record<string, z.ZodType | string | null>;
  const all = { ...(ok === undefined || (ok === null && '204' in rest) ? {} : { '200': ok }), ...rest };
  const responses = Object.fromEntries(Object.entries(all).map(([status, answer]) => [status, answerOf(Number(status), answer)]));
  return {
    summary: operation.summary,
    parameters: parametersOf(path, operation),
    ...bodyOf(operation),
    responses: {
      ...responses,
      '4XX': { description: 'What is wrong, naming the field', content: { 'application/problem+json': { schema: problemRef } } },
    },
    ...(operation.open === true ? { security: [] } : {}),
  };
}

/** The API as an OpenAPI 3.1 document, made from the schemas that requests are parsed with and answers are tested against. */
export function openApiDocument(version: string): object {
  const paths = Object.fromEntries(
    Object.entries(operations).map(([path, methods]) => [
      path,
      Object.fromEntries(Object.entries(methods).map(([method, operation]) => [method, operationOf(path, operation)])),
    ]),
  );
  shared['Problem'] = schemaOf(answers.problemAnswer, 'output');
  return {
    openapi: '3.1.0',
    info: {
      title: 'Errand',
      version,
      description:
        'Runs HTTP tasks, now, later or again and again, and keeps their complete history. Times in answers are UTC; durations are milliseconds or texts such as "30s".',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    security: [{ key: [] }],
    paths,
    components: {
      schemas: shared,
      securitySchemes: { key: { type: 'http', scheme: 'bearer', description: 'An API key, where keys are set.' } },
    },
  };
}
