import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Clock } from '../../../src/application/ports.ts';

/** One call as the target saw it, by the clock of the functions. */
export type Call = {
  readonly task: string;
  readonly attempt: number;
  readonly at: number;
  readonly webhookId: string;
  readonly answer: 'final' | 'retry' | 'none';
};
/** A callback by the id of its task. */
export type Told = { readonly task: string; readonly status: string; readonly at: number };

export type CountingTarget = {
  readonly url: string;
  readonly calls: readonly Call[];
  readonly told: readonly Told[];
  close(): Promise<void>;
};

/**
 * Counts calls. `/ok` answers 200; `/flaky` 500 at the first attempt; `/bad` always 500; `/slow` holds the call until the connection ends;
 * what comes to `/told` is a callback.
 */
export async function startCountingTarget(clock: Clock): Promise<CountingTarget> {
  const calls: Call[] = [];
  const told: Told[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => answer(request.url ?? '/', request.headers, Buffer.concat(chunks).toString(), response));
  });
  function answer(path: string, headers: IncomingHttpHeaders, body: string, response: ServerResponse): void {
    if (path === '/told') {
      const { id, status } = JSON.parse(body) as { id: string; status: string };
      told.push({ task: id, status, at: clock.now() });
      response.writeHead(204).end();
      return;
    }
    const attempt = Number(headers['errand-attempt']);
    const task = decodeURIComponent(String(headers['errand-task-id']));
    const calling = { task, attempt, at: clock.now(), webhookId: String(headers['webhook-id']), answer: 'none' as Call['answer'] };
    calls.push(calling);
    if (path === '/slow') return;
    const status = path === '/bad' || (path === '/flaky' && attempt === 1) ? 500 : 200;
    response.once('finish', () => {
      calling.answer = status === 200 ? 'final' : 'retry';
    });
    response.writeHead(status).end();
  }
  server.keepAliveTimeout = 30_000;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', 4_096, resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    told,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
