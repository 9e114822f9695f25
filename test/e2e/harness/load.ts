import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { Agent, request } from 'undici';

/** One call as the target saw it. */
export type Call = { readonly task: string; readonly attempt: number; readonly at: number };
export type LoadTarget = { readonly url: string; readonly calls: readonly Call[]; close(): Promise<void> };

/** A target for many calls: notes each as it arrives and answers after 0..50 ms; the first attempt at `/flaky` with 500. */
export async function startLoadTarget(): Promise<LoadTarget> {
  const calls: Call[] = [];
  const server: Server = createServer((incoming, response) => {
    const attempt = Number(incoming.headers['errand-attempt']);
    calls.push({ task: decodeURIComponent(String(incoming.headers['errand-task-id'])), attempt, at: Date.now() });
    incoming.resume();
    setTimeout(() => {
      response.writeHead(incoming.url === '/flaky' && attempt === 1 ? 500 : 200).end();
    }, Math.random() * 50);
  });
  server.keepAliveTimeout = 30_000;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', 4_096, resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

export type LoadResult = {
  /** Ids that were answered with 201. */
  readonly acknowledged: ReadonlySet<string>;
  /** Requests that got no answer: their tasks may exist or not. */
  readonly unanswered: number;
  /** Answers that are neither a creation nor a refusal to take on more. */
  readonly strange: readonly string[];
};

export type Load = { end(): Promise<LoadResult> };

const tasksPerBatch = 20;

/** Clients that create tasks one after another, each in its own rhythm, and go on after every restart until they are told to end. */
export function startLoad(server: string, target: string, clients: { readonly single: number; readonly batch: number }): Load {
  const agent = new Agent({ connections: clients.single + clients.batch, headersTimeout: 10_000, bodyTimeout: 10_000 });
  const acknowledged = new Set<string>();
  const strange: string[] = [];
  let unanswered = 0;
  let ended = false;
  let made = 0;

  const newTask = (client: string) => {
    made += 1;
    const flaky = made % 5 === 0;
    return {
      id: `${client}/${made}`,
      request: { url: `${target}${flaky ? '/flaky' : '/plain'}`, body: { number: made } },
      delay: made % 3 === 0 ? 0 : Math.round(Math.random() * 1_000),
      retry: { backoff: 'fixed', initialDelay: '200ms', maxAttempts: 30 },
      labels: { client },
    };
  };
  const post = async (path: string, body: object): Promise<{ readonly status: number; readonly text: string } | null> => {
    try {
      const headers = { 'content-type': 'application/json' };
      const answer = await request(server + path, { method: 'POST', headers, body: JSON.stringify(body), dispatcher: agent });
      return { status: answer.statusCode, text: await answer.body.text() };
    } catch {
      // Killed under the request, or not up again yet.
      unanswered += 1;
      await pause(20);
      return null;
    }
  };
  const note = (status: number, id: string, text: string): void => {
    if (status === 201) acknowledged.add(id);
    else if (status !== 503) strange.push(`${status} ${text}`);
  };
  const single = async (client: string): Promise<void> => {
    while (!ended) {
      const task = newTask(client);
      const answer = await post('/tasks', task);
      if (answer !== null) note(answer.status, task.id, answer.text);
    }
  };
  const batch = async (client: string): Promise<void> => {
    while (!ended) {
      const tasks = Array.from({ length: tasksPerBatch }, () => newTask(client));
      const answer = await post('/tasks/batch', { tasks });
      if (answer === null || answer.status === 503) continue;
      if (answer.status !== 200) {
        strange.push(`${answer.status} ${answer.text}`);
        continue;
      }
      const { results } = JSON.parse(answer.text) as { results: { status: number }[] };
      for (const [index, result] of results.entries()) note(result.status, tasks[index]?.id ?? '', JSON.stringify(result));
      await pause(Math.random() * 20);
    }
  };

  const running = [
    ...Array.from({ length: clients.single }, (_, index) => single(`single-${index}`)),
    ...Array.from({ length: clients.batch }, (_, index) => batch(`batch-${index}`)),
  ];
  return {
    async end() {
      ended = true;
      await Promise.all(running);
      await agent.close();
      return { acknowledged, unanswered, strange };
    },
  };
}
