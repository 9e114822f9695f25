import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { taskStream } from '../../../src/application/task-store.ts';
import { pathText } from '../../../src/handlers/http/input/parse-result.ts';
import { problemAnswer } from '../../../src/handlers/http/openapi/answers.ts';
import { epoch } from '../../domain/task-histories.ts';
import type { RawAnswer } from '../../e2e/harness/raw-socket.ts';
import type { Front } from './fronts.ts';
import { type Operation, operations } from './operations.ts';
import { apiKey, type Kind, requestsTo, type Sketch } from './requests.ts';

const kinds: readonly Kind[] = ['valid', 'nearly valid', 'garbage'];
/** Sealed into whatever the requests are about: it may be in no answer. */
const secret = 'n0-answer-says-this';

/** A request as it goes over the wire. */
function written({ method, target, headers, body, chunked }: Sketch): Buffer {
  const length = body === null ? [] : [chunked ? 'transfer-encoding: chunked' : `content-length: ${body.length}`];
  const head = [`${method} ${target} HTTP/1.1`, 'host: localhost', ...headers.map(([name, value]) => `${name}: ${value}`), ...length];
  const parts: Uint8Array[] = [Buffer.from(`${head.join('\r\n')}\r\n\r\n`, 'latin1')];
  if (body !== null && !chunked) parts.push(body);
  if (body !== null && chunked) {
    if (body.length > 0) parts.push(Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from('\r\n'));
    parts.push(Buffer.from('0\r\n\r\n'));
  }
  return Buffer.concat(parts);
}

let seeds = 0;

/** Something new for a request to be about, in the state in which the request can do something; its token, where a target answers. */
async function subjectOf(front: Front, { route }: Operation): Promise<{ readonly id: string; readonly token: string }> {
  seeds += 1;
  const id = `subject ${seeds}/#`;
  const headers = { authorization: `Bearer ${secret}` };
  const post = async (path: string, body: object): Promise<void> => {
    const sketch: Sketch = {
      kind: 'valid',
      method: 'POST',
      target: path,
      headers: [
        ['authorization', `Bearer ${apiKey}`],
        ['content-type', 'application/json'],
      ],
      body: Buffer.from(JSON.stringify({ id, ...body })),
      chunked: false,
    };
    const answer = await front.exchange(written(sketch));
    if (answer.status !== 201) throw new Error(`the subject was not made: ${answer.status} ${answer.body}`);
  };
  const requestTo = (status: number) => ({ url: `https://target.example/${status}`, headers });
  const callback = requestTo(200);
  if (route.startsWith('schedule')) {
    await post('/schedules', { every: '1h', task: { request: requestTo(200), callback } });
    if (route === 'schedule-resume') await front.exchange(written(plain('POST', `/schedules/${encodeURIComponent(id)}/pause`)));
  } else if (route.startsWith('orchestration')) {
    await post('/orchestrations', { delay: '1h', steps: [{ task: { request: requestTo(200) } }], callback });
  } else if (route === 'retry' || route === 'redeliver') {
    await post('/tasks', { request: requestTo(400), callback });
    await front.wake(taskStream(id));
  } else if (route.startsWith('answer')) {
    await post('/tasks', { request: requestTo(202), callback, strategy: 'async' });
    await front.wake(taskStream(id));
    const { state } = await front.ports.store.load(taskStream(id));
    if (state.status !== 'waiting') throw new Error(`the subject does not wait, it is ${state.status}`);
    return { id, token: front.ports.tokens.make({ stream: taskStream(id), run: state.run, startedVersion: state.startedVersion }) };
  } else if (route !== 'tasks' && route !== 'batch') {
    await post('/tasks', { runAt: epoch + 3_600_000, request: requestTo(200), callback });
  }
  return { id, token: 'no-token' };
}

function plain(method: string, target: string): Sketch {
  return { kind: 'valid', method, target, headers: [['authorization', `Bearer ${apiKey}`]], body: null, chunked: false };
}

/** What a stack, a path of a file, or somebody's secret would look like in an answer. */
const inside = /\n\s+at |node_modules|node:internal|\.ts:\d+|file:\/\//;
const prototypes = [Object.prototype, Array.prototype, Function.prototype, String.prototype, Number.prototype];
const shapeOfPrototypes = () => JSON.stringify(prototypes.map((prototype) => Reflect.ownKeys(prototype).map(String)));

/** What holds for every answer to anything. */
function lookAt(front: Front, operation: Operation, sketch: Sketch, answer: RawAnswer): void {
  const { status, headers, body } = answer;
  // The one answer of another kind: there is no stream of events on AWS.
  const isKnown = front.name === 'aws' && operation.route === 'events' && status === 501;
  expect(isKnown || (status >= 200 && status < 300) || (status >= 400 && status < 500), `${status}: ${body}`).toBe(true);
  for (const text of [body, JSON.stringify(headers)]) {
    expect(text).not.toContain(secret);
    expect(text).not.toContain(apiKey);
  }
  expect(headers['x-content-type-options']).toBe('nosniff');
  expect(headers['cache-control']).toBe('no-store');
  if (status >= 400) {
    expect(body).not.toMatch(inside);
    expect(headers['content-type']).toBe('application/problem+json');
    if (sketch.method !== 'HEAD') expect(problemAnswer.parse(JSON.parse(body)).status).toBe(status);
  } else if (status !== 204 && body !== '' && headers['content-type']?.startsWith('application/json')) JSON.parse(body);
  if (status === 400 && sketch.wrongField !== undefined) namesTheField(sketch.wrongField, JSON.parse(body));
}

type Problem = { readonly detail: string; readonly errors?: readonly { readonly path: string }[] };

/** A body that is JSON and has one mistake: what is wrong is said with its path, unless it is the whole that is too deep or too much. */
function namesTheField(field: string, { detail, errors = [] }: Problem): void {
  if (/nested deeper than|not well-formed|limit reached|would never run/.test(detail)) return;
  // Where it is one of several that exclude or need each other, the object that they are in may be named instead.
  const paths = errors.map(({ path }) => path);
  expect(
    paths.some((path) => path === '' || path.startsWith(pathText([field]))),
    `${field.slice(0, 80)}: ${detail}`,
  ).toBe(true);
}

/** The laws of every route, each with so many requests of each kind. */
export function fuzz(makeFront: () => Front, numRuns: number): void {
  const front = makeFront();
  const shape = shapeOfPrototypes();
  afterAll(() => front.close());

  describe.each(operations.map((operation) => [operation.title, operation] as const))('%s', (_title, operation) => {
    test.each(kinds)('answers what is %s with 2xx or 4xx, and says nothing of its inside', async (kind) => {
      let sent = 0;
      let done = 0;
      await fc.assert(
        fc.asyncProperty(requestsTo(operation, kind), async (sketch) => {
          const { id, token } = await subjectOf(front, operation);
          if (operation.method === 'GET') await front.project();
          const target = sketch.target.replaceAll('{id}', encodeURIComponent(id)).replaceAll('{token}', token);
          const answer = await front.exchange(written({ ...sketch, target }));
          lookAt(front, operation, sketch, answer);
          expect(shapeOfPrototypes()).toBe(shape);
          expect(front.newErrors()).toEqual([]);
          sent += 1;
          if (answer.status < 300) done += 1;
        }),
        { numRuns },
      );
      // Requests that were all refused at the door would have tried nothing.
      if (kind === 'valid' && !(front.name === 'aws' && operation.route === 'events')) expect(done / sent).toBeGreaterThan(0.5);
    });
  });

  test('and lives on', async () => {
    const { status } = await front.exchange(written(plain('GET', '/health')));
    expect(status).toBe(200);
  });
}
