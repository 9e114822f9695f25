import { setTimeout as pause } from 'node:timers/promises';
import { Agent, request } from 'undici';
import type { PromisedTask } from '../../support/history-checker.ts';
import { callbackOf } from './receiving-target.ts';

/** How many clients of each kind create tasks side by side, one after another each, and how long they rest between. */
export type LoadOptions = {
  readonly single: number;
  readonly batch: number;
  /** Create tasks and cancel or delete them. */
  readonly cancelling?: number;
  /** Create orchestrations of three steps. */
  readonly orchestrating?: number;
  readonly restMs?: number;
  /** Whether some tasks of single clients take half a second and have callbacks. */
  readonly callbacks?: boolean;
};

/** What a client was promised. `parent`: an orchestration that makes the task, if it exists itself. */
export type Asked = PromisedTask & { readonly parent?: string };

export type LoadResult = {
  readonly asked: readonly Asked[];
  /** Creates that were answered with 201. */
  readonly acknowledged: number;
  readonly refused: number;
  /** Requests that got no answer. */
  readonly unanswered: number;
  /** Answers that are neither a success nor a refusal to take on more. */
  readonly strange: readonly string[];
};

export type Load = {
  /** Creates that were answered with 201 so far. */
  acknowledged(): number;
  end(): Promise<LoadResult>;
};
type Answer = { readonly status: number; readonly text: string };
type NewTask = { readonly id: string; readonly delay: number; readonly callback?: object };

const tasksPerBatch = 20;
const maxAttempts = 30;
const callbackAttempts = 8;
const steps = 3;

/** Clients that go on after every restart until they are told to end, and note what they were promised, by the clock given. */
export function startLoad(server: string, target: string, options: LoadOptions, now: () => number = Date.now): Load {
  const { single, batch, cancelling = 0, orchestrating = 0, restMs = 0, callbacks = false } = options;
  const connections = single + batch + cancelling + orchestrating;
  const agent = new Agent({ connections, headersTimeout: 10_000, bodyTimeout: 10_000 });
  const asked = new Map<string, Asked>();
  const strange: string[] = [];
  let [acknowledged, refused, unanswered, made] = [0, 0, 0, 0];
  let ended = false;
  const retry = { backoff: 'fixed', initialDelay: '200ms', maxAttempts };

  const newTask = (client: string, more: object = {}): NewTask => {
    made += 1;
    const path = made % 5 === 0 ? '/flaky' : '/plain';
    return {
      id: `${client}/${made}`,
      request: { url: target + path, body: { number: made } },
      delay: made % 3 === 0 ? 0 : Math.round(Math.random() * 1_000),
      retry,
      labels: { client },
      ...more,
    } as NewTask;
  };
  const send = async (method: 'POST' | 'DELETE', path: string, body?: object): Promise<Answer | null> => {
    try {
      const headers = body === undefined ? {} : { 'content-type': 'application/json' };
      const answer = await request(server + path, {
        method,
        headers,
        body: body === undefined ? null : JSON.stringify(body),
        dispatcher: agent,
      });
      const text = await answer.body.text();
      if (answer.statusCode === 503) refused += 1;
      return { status: answer.statusCode, text };
    } catch {
      // Killed under the request, or not up again yet.
      unanswered += 1;
      await pause(20);
      return null;
    }
  };

  /** Without an answer, and after 503, it may exist or not. `sentAt` bounds what a relative delay can mean. */
  const note = (
    task: NewTask,
    sentAt: number,
    answer: { readonly status: number; readonly runAt?: string; readonly text: string } | null,
  ) => {
    const isAcknowledged = answer?.status === 201;
    const dueAt = isAcknowledged ? Date.parse(answer.runAt ?? '') : sentAt + task.delay;
    if (isAcknowledged) acknowledged += 1;
    else if (answer !== null && answer.status !== 503) strange.push(`${answer.status} ${answer.text}`);
    if (!(dueAt >= sentAt + task.delay)) strange.push(`${task.id} was told to be due ${sentAt + task.delay - dueAt} ms too soon`);
    const promised = { acknowledged: isAcknowledged, dueAts: [dueAt] };
    asked.set(task.id, { task: task.id, ...promised, maxAttempts });
    if (task.callback === undefined) return;
    const told = callbackOf(task.id);
    asked.set(told, { task: told, ...promised, maxAttempts: callbackAttempts, after: task.id });
  };
  const create = async (task: NewTask): Promise<boolean> => {
    const sentAt = now();
    const answer = await send('POST', '/tasks', task);
    const runAt = answer?.status === 201 ? JSON.parse(answer.text).runAt : undefined;
    note(task, sentAt, answer === null ? null : { ...answer, runAt });
    await pause(Math.random() * 2 * restMs);
    return answer?.status === 201;
  };
  const creating = async (client: string): Promise<void> => {
    const withCallback = () => ({
      request: { url: `${target}/slow` },
      callback: { url: `${target}${made % 2 === 0 ? '/told' : '/told-at-the-second-time'}`, on: ['succeeded'] },
    });
    while (!ended) await create(newTask(client, callbacks && made % 4 === 0 ? withCallback() : {}));
  };
  const batching = async (client: string): Promise<void> => {
    while (!ended) {
      const tasks = Array.from({ length: tasksPerBatch }, () => newTask(client));
      const sentAt = now();
      const answer = await send('POST', '/tasks/batch', { tasks });
      if (answer !== null && answer.status !== 200 && answer.status !== 503) strange.push(`${answer.status} ${answer.text}`);
      const results = answer?.status === 200 ? (JSON.parse(answer.text).results as { status: number; task?: { runAt: string } }[]) : [];
      for (const [index, task] of tasks.entries()) {
        const result = results[index];
        note(
          task,
          sentAt,
          result === undefined ? null : { status: result.status, runAt: result.task?.runAt ?? '', text: JSON.stringify(result) },
        );
      }
      await pause(Math.random() * (20 + 2 * restMs));
    }
  };
  const cancel = async (client: string): Promise<void> => {
    while (!ended) {
      const task = newTask(client, { delay: Math.round(Math.random() * 800) });
      await create(task);
      await pause(Math.random() * 600);
      const path = `/tasks/${encodeURIComponent(task.id)}`;
      const answer = made % 2 === 0 ? await send('DELETE', path) : await send('POST', `${path}/cancel`);
      const known = asked.get(task.id);
      if (known === undefined) continue;
      if (answer === null || answer.status === 503) asked.set(task.id, { ...known, mayBeCancelled: true });
      else if (answer.status === 200 || answer.status === 204) asked.set(task.id, { ...known, cancelledAt: now() });
      // Under way or over already; or it was never created.
      else if (answer.status !== 409 && !(answer.status === 404 && !known.acknowledged)) strange.push(`${answer.status} ${answer.text}`);
    }
  };
  const orchestrate = async (client: string): Promise<void> => {
    while (!ended) {
      made += 1;
      const id = `${client}/${made}`;
      const task = { request: { url: `${target}/plain` }, retry: { ...retry, initialDelay: '50ms' } };
      const sentAt = now();
      const answer = await send('POST', '/orchestrations', { id, steps: Array.from({ length: steps }, () => ({ task })) });
      if (answer !== null && answer.status !== 201 && answer.status !== 503) strange.push(`${answer.status} ${answer.text}`);
      const isAcknowledged = answer?.status === 201;
      if (isAcknowledged) acknowledged += 1;
      for (let step = 1; step <= steps; step += 1) {
        const after = step === 1 ? {} : { after: `${id}.${step - 1}` };
        const promised = { acknowledged: isAcknowledged, dueAts: [sentAt], maxAttempts, parent: id, ...after };
        asked.set(`${id}.${step}`, { task: `${id}.${step}`, ...promised });
      }
      await pause(Math.random() * (200 + 2 * restMs));
    }
  };

  const clients = (count: number, name: string, work: (client: string) => Promise<void>) =>
    Array.from({ length: count }, (_unused, index) => work(`${name}-${index}`));
  const running = [
    ...clients(single, 'single', creating),
    ...clients(batch, 'batch', batching),
    ...clients(cancelling, 'cancelled', cancel),
    ...clients(orchestrating, 'orchestrated', orchestrate),
  ];
  return {
    acknowledged: () => acknowledged,
    async end() {
      ended = true;
      await Promise.all(running);
      await agent.close();
      return { asked: [...asked.values()], acknowledged, refused, unanswered, strange };
    },
  };
}
