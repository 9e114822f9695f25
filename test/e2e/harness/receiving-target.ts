import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Receipt } from '../../support/history-checker.ts';

/** A target for many calls, which keeps nothing but its receipts. */
export type ReceivingTarget = {
  readonly url: string;
  /** In the order of their beginnings. Those of a callback are named `<task>~callback`, their attempts counted here. */
  readonly receipts: readonly Receipt[];
  close(): Promise<void>;
};

/** How long calls take, and with which status, by path and attempt; null: never answered. */
type Manner = (attempt: number) => { readonly afterMs: number; readonly status: number } | null;
const soon = (): number => Math.random() * 50;
const manners: Readonly<Record<string, Manner>> = {
  '/plain': () => ({ afterMs: soon(), status: 200 }),
  '/flaky': (attempt) => ({ afterMs: soon(), status: attempt === 1 ? 500 : 200 }),
  // Long enough that a kill finds some of them under way.
  '/slow': () => ({ afterMs: 200 + Math.random() * 600, status: 200 }),
  '/told': () => ({ afterMs: soon(), status: 204 }),
  '/told-at-the-second-time': (attempt) => ({ afterMs: soon(), status: attempt === 1 ? 503 : 204 }),
  '/never': () => null,
};

/** Times are by the clock given, in epoch milliseconds. */
export async function startReceivingTarget(now: () => number = Date.now): Promise<ReceivingTarget> {
  const receipts: Receipt[] = [];
  const callbacks = new Map<string, number>();
  const server: Server = createServer((incoming, response) => {
    const named = nameOf(incoming);
    const count = (callbacks.get(named.webhookId) ?? 0) + 1;
    if (named.isCallback) callbacks.set(named.webhookId, count);
    const attempt = named.isCallback ? count : Number(incoming.headers['errand-attempt']);
    const { task, run, webhookId } = named;
    const receipt = { task, run, attempt, webhookId, begunAt: now(), answer: 'none' as Receipt['answer'] };
    receipts.push(receipt);
    incoming.resume();
    const manner = manners[incoming.url ?? '']?.(attempt);
    if (manner === undefined) throw new Error(`no test calls ${incoming.url}`);
    if (manner === null) return;
    setTimeout(() => {
      response.once('finish', () => {
        receipt.answer = manner.status < 500 ? 'final' : 'retry';
      });
      response.writeHead(manner.status).end();
    }, manner.afterMs);
  });
  server.keepAliveTimeout = 30_000;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', 4_096, resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    receipts,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Who is called, by the webhook-id alone, as the contract makes it. */
export function nameOf({ headers }: Pick<IncomingMessage, 'headers'>) {
  const webhookId = String(headers['webhook-id']);
  const [encoded = '', second, version] = webhookId.split('~');
  const id = decodeURIComponent(encoded);
  if (second === 'callback') return { webhookId, task: callbackOf(id), run: 1, isCallback: true, version: Number(version) };
  return { webhookId, task: id, run: second === undefined ? 1 : Number(second), isCallback: false };
}

/** What histories call the callback of a task. */
export const callbackOf = (task: string): string => `${task}~callback`;
