import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { styleText } from 'node:util';
import * as z from 'zod';
import { systemClock } from '../adapters/system-clock.ts';
import { runners } from '../runners/registry.ts';
import { callApi, type EventDetail, followEvents } from './demo/client.ts';
import { startDemoTarget } from './demo/target.ts';
import { eventLine, heading, storyLine } from './demo/words.ts';
import { createLogger } from './logger.ts';
import { startServer } from './server.ts';
import { readSettings } from './settings.ts';

/**
 * `npm run demo`: six tasks on a server of its own, seen from the outside, through the HTTP API and its server-sent events
 * alone. Ends by itself and leaves nothing behind.
 */

/** Something is wrong if it is not over by then. */
const longestMs = 30_000;
const cancelAfterMs = 1_200;
const stopWaitMs = 2_000;
/** What a shell expects of somebody who was interrupted. */
const leftEarly = 130;

type Story = { readonly id: string; readonly plot: string; readonly task: object };

function storiesWith(target: string): readonly Story[] {
  const request = (path: string) => ({ url: `${target}${path}`, body: { from: 'the demo' } });
  return [
    { id: 'hello', plot: 'runs at once', task: { request: request('/hello') } },
    { id: 'later', plot: 'runs in five seconds, not before', task: { request: request('/later'), delay: '5s' } },
    {
      id: 'flaky',
      plot: 'has a target that fails twice: it is tried again',
      task: { request: request('/flaky'), retry: { delays: ['700ms', '1500ms'], jitter: 0 } },
    },
    {
      id: 'report',
      plot: 'takes long: its target accepts it now and answers later',
      task: { request: request('/report'), strategy: 'async', completeWithin: '1m' },
    },
    {
      id: 'order-42',
      plot: 'has a callback: its outcome is told to an address of your choice',
      task: { request: request('/orders/42'), delay: '500ms', callback: { url: `${target}/told` } },
    },
    { id: 'never', plot: 'is due in an hour, and cancelled before', task: { request: request('/never'), delay: '1h' } },
  ];
}

/** Colours on a terminal only: `styleText` looks at standard output, and at NO_COLOR. */
function print(text = '', style?: Parameters<typeof styleText>[0]): void {
  console.log(style === undefined ? text : styleText(style, text));
}

const colours: Readonly<Record<string, 'green' | 'yellow' | 'magenta'>> = {
  TaskSucceeded: 'green',
  CallbackSucceeded: 'green',
  TaskFailed: 'yellow',
  TaskCancelled: 'magenta',
};

/** Prints each event as it is told, until every task has ended and the callback was delivered. */
async function printEvents(server: string, stories: readonly Story[], signal: AbortSignal): Promise<void> {
  const open = new Set([...stories.map(({ id }) => id), 'the callback']);
  let beganAt: number | undefined;
  for await (const event of followEvents(server, signal)) {
    const at = Date.parse(event.occurredAt);
    beganAt ??= at;
    print(eventLine(event, at - beganAt), colours[event.type]);
    if (isEnd(event)) open.delete(event.taskId);
    if (event.type === 'CallbackSucceeded') open.delete('the callback');
    if (open.size === 0) return;
  }
  throw new Error(`it is not over after ${longestMs / 1_000} s: ${[...open].join(', ')}`);
}

function isEnd({ status }: EventDetail): boolean {
  return status === 'succeeded' || status === 'failed' || status === 'cancelled';
}

const taskList = z.object({ tasks: z.array(z.object({ id: z.string(), status: z.string(), attempt: z.number() })) });

async function printSummary(server: string): Promise<void> {
  const { tasks } = taskList.parse(await callApi(server, 'GET', '/tasks'));
  print('\nHow they ended:\n', 'bold');
  for (const { id, status, attempt } of tasks.reverse()) {
    print(`  ${id.padEnd(12)}${status.padEnd(12)}${attempt === 1 ? '1 attempt' : `${attempt} attempts`}`);
  }
  print('\nWhere to look next:\n', 'bold');
  const next = [
    ['npm start', 'a server that stays, on http://127.0.0.1:4747; its data lie in .errand'],
    ['POST /tasks', `{ "request": { "url": "https://..." }, "delay": "15m" } makes a task`],
    ['GET  /tasks/{id}/events', 'the complete history of a task'],
    ['GET  /events', 'what you have just seen: every event as it happens'],
    ['README.md', 'what is guaranteed, and what is not'],
  ] as const;
  for (const [what, why] of next) print(`  ${what.padEnd(26)}${why}`);
  print();
}

async function play(server: string, target: string, signal: AbortSignal): Promise<void> {
  const stories = storiesWith(target);
  print('\nErrand runs HTTP tasks, now or later, and keeps their complete history. Here are six, live:\n', 'bold');
  for (const { id, plot } of stories) print(storyLine(id, plot));
  print(`\n  The server is ${server}, and a small one that plays the target is ${target}.`, 'dim');
  print(`  Each line is an event, told while it happens. All of it takes about five seconds.\n`, 'dim');
  print(heading, 'bold');

  const told = printEvents(server, stories, signal);
  // Awaited below; a failure in between must not end the process before it has cleaned up.
  told.catch(() => undefined);
  for (const { id, task } of stories) await callApi(server, 'POST', '/tasks', { id, ...task });
  await systemClock.sleep(cancelAfterMs, signal);
  await callApi(server, 'POST', '/tasks/never/cancel', { reason: 'nobody needs it any more' });
  await told;
  // Lists may lag what happened by a moment.
  await systemClock.sleep(200, signal);
  await printSummary(server);
}

async function main(): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), 'errand-demo-'));
  const ending = new AbortController();
  const limit = setTimeout(() => ending.abort(), longestMs);
  const leave = (): void => {
    process.exitCode = leftEarly;
    ending.abort();
  };
  process.once('SIGINT', leave);
  process.once('SIGTERM', leave);
  // Whoever reads along has gone.
  process.stdout.on('error', leave);
  try {
    // Nothing of the caller's environment: it may be that of a real server.
    const settings = readSettings({ PORT: '0', ERRAND_DATA_DIR: dataDir, ERRAND_LOG_LEVEL: 'silent' });
    const server = await startServer(settings, createLogger(settings.logLevel), runners);
    const target = await startDemoTarget(systemClock);
    try {
      await play(server.url, target.url, ending.signal);
    } finally {
      await server.stop(stopWaitMs);
      await target.close();
    }
  } finally {
    clearTimeout(limit);
    rmSync(dataDir, { recursive: true, force: true });
  }
}

main().catch((error: unknown) => {
  if (process.exitCode === leftEarly) return;
  console.error(`The demo could not be played to its end: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
});
