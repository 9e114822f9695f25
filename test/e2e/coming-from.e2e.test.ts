import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { examples, presets } from '../support/guide.ts';
import { type Client, createClient } from './harness/client.ts';
import { type Errand, startErrand } from './harness/errand.ts';

let errand: Errand;
let client: Client;
let target: Awaited<ReturnType<typeof startGuideTarget>>;

beforeAll(async () => {
  [errand, target] = await Promise.all([startErrand(), startGuideTarget()]);
  client = createClient(errand.url);
});
afterAll(async () => {
  await errand.stop();
  await target.stop();
});

/** The target of the guide, started as the guide says, on a port of its own. */
async function startGuideTarget() {
  const child = spawn(process.execPath, ['docs/target.mjs'], {
    env: { PATH: process.env['PATH'] ?? '', PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const [ready] = await Promise.race([
    once(createInterface({ input: child.stdout }), 'line'),
    exited.then(([code]) => Promise.reject(new Error(`the target ended with ${code} before it was ready`))),
  ]);
  const address = /http:\/\/(\S+)$/.exec(String(ready))?.[1] ?? '';
  return {
    address,
    stop: async () => {
      child.kill();
      await exited;
    },
  };
}

const withinMs = 20_000;
const run = promisify(execFile);
const here = (command: string): string =>
  command.replaceAll('localhost:4747', errand.url.replace('http://', '')).replaceAll('127.0.0.1:8080', target.address);

/** Runs a command in a shell, as it is but for its addresses. */
async function answerTo(command: string) {
  const withStatus = String.raw`curl() { command curl -S --max-time 30 -w '\n%{http_code}' "$@"; }`;
  const { stdout } = await run('sh', ['-c', `${withStatus}\n${here(command)}`]);
  const [, body = '', status] = /^([\s\S]*)\n(\d{3})$/.exec(stdout) ?? [];
  return { status: Number(status), ...(body !== '' && { body: JSON.parse(body) as unknown }) };
}

/** A read is repeated until it shows what it should: tasks take their time, and lists lag. */
const isRead = (command: string): boolean => !/ -(?:d|X) /.test(command);

describe('the guide for those who come from another system', () => {
  test('has examples and presets for each of the five', () => {
    const sections = [
      'serverless-http-task-manager',
      'task-processor',
      'serverless-task-scheduler-aws',
      'AWS-T3',
      'Serverless_task_scheduler',
    ];
    expect([...new Set(examples.map(({ section }) => section))]).toEqual(sections);
    expect([...new Set(presets.map(({ section }) => section))]).toEqual(sections);
  });

  test.each(examples.map(({ section, exchanges }, index) => ({ number: index + 1, section, exchanges })))(
    'shows what happens: example $number, $section',
    async ({ exchanges }) => {
      for (const { command, answer } of exchanges) {
        if (isRead(command))
          await expect.poll(() => answerTo(command), { timeout: withinMs, interval: 50, message: command }).toMatchObject(answer);
        else expect(await answerTo(command), command).toMatchObject(answer);
      }
    },
  );

  test.each(presets.map((preset, index) => ({ number: index + 1, ...preset })))(
    'has presets that are taken and followed: $number, $section',
    async ({ number, fields, attemptsAtMs, timeoutMs }) => {
      const id = `preset-${number}`;
      const created = await client.post('/tasks', { id, request: { url: `http://${target.address}/status/500` }, ...fields });
      expect(created).toMatchObject({ status: 201, body: { timeoutMs, maxAttempts: attemptsAtMs.length } });
      const [, second = null] = attemptsAtMs;
      const task = await client.taskWhen(
        id,
        'its first attempt has failed',
        ({ attempt, status }) => attempt === 1 && status !== 'running',
      );
      const { events } = (await client.get(client.path(id, '/events'))).body;
      const { occurredAt, data } = events.at(2);
      const pauseMs = data.retryAt === null ? null : Date.parse(data.retryAt) - Date.parse(occurredAt);
      expect([task.status, pauseMs]).toEqual([second === null ? 'failed' : 'scheduled', second]);
    },
  );
});
