import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Clock } from '../../src/application/ports.ts';
import { limits } from '../../src/domain/limits.ts';
import { problemBody } from '../../src/handlers/http/problem.ts';
import type { TaskEventOutcome } from '../../src/handlers/http/task-event.ts';
import { openSpool, type Spool } from '../../src/server/spool.ts';
import { rememberingLogger } from '../support/silent-logger.ts';

const done: TaskEventOutcome = { outcome: 'done', taskId: 'a', isNew: true };
const refused: TaskEventOutcome = { outcome: 'refused', problem: problemBody(409, 'exists already') };

let parent: string;
let dir: string;
let spool: Spool | undefined;
let texts: string[];
let create: (text: string) => Promise<TaskEventOutcome>;
let logger: ReturnType<typeof rememberingLogger>;
/** The pause the spool is in, and who waits for one. */
let pause: { readonly ms: number; end(): void } | undefined;
let onPause: () => void;

beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'errand-spool-'));
  dir = join(parent, 'ingest');
  texts = [];
  create = async () => done;
  logger = rememberingLogger();
  pause = undefined;
  onPause = () => undefined;
});
afterEach(async () => {
  await spool?.stop();
  spool = undefined;
  rmSync(parent, { recursive: true });
});

/** A clock whose pauses end when the test says so. */
const clock: Clock = {
  now: () => 0,
  monotonic: () => 0,
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      const end = (): void => {
        pause = undefined;
        resolve();
      };
      if (signal?.aborted === true) return resolve();
      pause = { ms, end };
      signal?.addEventListener('abort', end);
      onPause();
    }),
};

async function open(): Promise<Spool> {
  const opened = await openSpool({
    dir,
    clock,
    logger,
    create: (text) => {
      texts.push(text);
      return create(text);
    },
  });
  spool = opened;
  return opened;
}

/** One look of the spool through its folder; gives the pause that it makes afterwards. */
async function look(): Promise<number | undefined> {
  const rested = new Promise<void>((resolve) => {
    onPause = resolve;
  });
  if (pause === undefined) (spool ?? (await open())).start();
  else pause.end();
  await rested;
  return (pause as { readonly ms: number } | undefined)?.ms;
}

function put(name: string, content: string | Uint8Array = name): void {
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, `${name}.draft`), content);
  renameSync(join(dir, `${name}.draft`), join(dir, name));
}
const inFolder = (): readonly string[] => readdirSync(dir).filter((name) => name !== 'refused');
const inRefused = (): readonly string[] => readdirSync(join(dir, 'refused')).sort();
const problemOf = (name: string) => JSON.parse(readFileSync(join(dir, 'refused', `${name}.problem.json`), 'utf8'));

describe('the folder of events', () => {
  test('is made where it is missing, for its owner alone', async () => {
    await open();

    expect(statSync(dir).mode & 0o777).toBe(0o700);
    expect(inRefused()).toEqual([]);
  });

  test('that cannot be used is told before anything starts', async () => {
    writeFileSync(dir, 'a file');

    await expect(open()).rejects.toThrow(`ERRAND_INGEST_DIR is ${dir}, which cannot be used`);
  });

  test('gives its files up one by one, once each is durable and not before', async () => {
    put('a.json', '{"a":1}');
    let taken = (): void => undefined;
    create = () => new Promise((resolve) => (taken = () => resolve(done)));
    const looked = look();
    await expect.poll(() => texts).toEqual(['{"a":1}']);
    expect(inFolder()).toEqual(['a.json']);

    taken();
    await looked;
    expect(inFolder()).toEqual([]);
    create = async () => done;
    put('b.json');
    await look();

    expect([texts, inFolder(), inRefused()]).toEqual([['{"a":1}', 'b.json'], [], []]);
  });

  test('keeps what is not an event: drafts, hidden files, reasons, folders and links', async () => {
    const others = ['a.json.draft', '.a.json', 'a.JSON', 'a.txt', 'a.problem.json', '.json', 'folder.json', 'link.json'];
    put('.a.json');
    for (const name of others.slice(0, 6)) put(name);
    mkdirSync(join(dir, 'folder.json'));
    symlinkSync(join(dir, 'a.txt'), join(dir, 'link.json'));

    await look();

    expect(texts).toEqual([]);
    expect([...inFolder()].sort()).toEqual([...others].sort());
  });

  test('moves what is refused, with its problem beside it', async () => {
    create = async () => refused;
    put('a.json', '{}');
    put('ü b.json');

    expect(await look()).toBeLessThan(1_000);

    expect(inFolder()).toEqual([]);
    expect(inRefused()).toEqual(['a.json', 'a.problem.json', 'ü b.json', 'ü b.problem.json'].sort());
    expect(readFileSync(join(dir, 'refused', 'a.json'), 'utf8')).toBe('{}');
    expect(problemOf('a')).toEqual({ type: 'about:blank', title: 'Conflict', status: 409, detail: 'exists already' });
    expect(logger.lines).toEqual(['warn: an event was refused', 'warn: an event was refused']);
  });

  test('refuses what is no text or too large without asking further', async () => {
    put('bytes.json', new Uint8Array([0x7b, 0xff, 0x7d]));
    put('large.json', '');
    truncateSync(join(dir, 'large.json'), limits.requestBytes + 1);

    await look();

    expect(texts).toEqual([]);
    expect([problemOf('bytes').status, problemOf('large').status]).toEqual([400, 413]);
  });

  test('that was left by a process which died while refusing is gone on with', async () => {
    create = async () => refused;
    put('a.json');
    mkdirSync(join(dir, 'refused'));
    writeFileSync(join(dir, 'refused', 'a.problem.json'), '{"half');

    await look();

    expect(inRefused()).toEqual(['a.json', 'a.problem.json']);
    expect(problemOf('a').status).toBe(409);
  });

  test('keeps what could not be made, and waits longer before it tries again', async () => {
    const failing = new Set(['a.json']);
    create = async (text) => (failing.has(text) ? Promise.reject(new Error('the log is away')) : done);
    put('a.json');
    put('b.json');
    const usual = await look();
    expect(usual).toBeGreaterThan(1_000);
    expect(inFolder()).toEqual(['a.json']);
    expect(logger.lines).toEqual(['error: events could not be taken and are tried again']);

    failing.clear();
    expect(await look()).toBeLessThan(1_000);

    expect([inFolder(), inRefused()]).toEqual([[], []]);
  });

  test('is gone through whole, a bounded number side by side, and what fails holds up no other', async () => {
    let atOnce = 0;
    let most = 0;
    create = async (text) => {
      atOnce += 1;
      most = Math.max(most, atOnce);
      await new Promise((resolve) => setImmediate(resolve));
      atOnce -= 1;
      if (text.startsWith('bad')) throw new Error('no');
      return done;
    };
    for (let nth = 0; nth < 150; nth += 1) put(`${nth % 2 === 0 ? 'bad' : 'good'}-${nth}.json`);

    await look();

    expect(texts).toHaveLength(150);
    expect(inFolder()).toHaveLength(75);
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(32);
  });

  test('lets a producer take back what it put there', async () => {
    put('a.json');
    create = async (text) => {
      rmSync(join(dir, text));
      return done;
    };

    expect(await look()).toBeLessThan(1_000);

    expect([inFolder(), logger.lines]).toEqual([[], []]);
  });

  test('that goes away is told of, and taken up again when it is back', async () => {
    await look();
    rmSync(dir, { recursive: true });
    expect(await look()).toBeGreaterThan(1_000);
    expect(logger.lines).toEqual(['error: the folder of events could not be read']);

    put('a.json');
    expect(await look()).toBeLessThan(1_000);

    expect(inFolder()).toEqual([]);
  });

  test('is left alone after a stop, which waits for what was begun', async () => {
    const begun: (() => void)[] = [];
    create = () => new Promise((resolve) => begun.push(() => resolve(done)));
    for (let nth = 0; nth < 40; nth += 1) put(`${nth}.json`);
    const opened = await open();
    opened.start();
    await expect.poll(() => begun.length).toBe(32);

    let stopped = false;
    const stopping = opened.stop().then(() => {
      stopped = true;
    });
    for (const end of begun.slice(1)) end();
    await expect.poll(() => inFolder().length).toBe(9);
    expect(stopped).toBe(false);
    begun[0]?.();
    await stopping;

    expect([texts.length, inFolder().length]).toEqual([32, 8]);
  });
});
