import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll } from 'vitest';
import { inheritedEnvironment } from '../../support/inherited-environment.ts';
import { hostArguments, hostScript } from './host.ts';

/** A real Errand process under test. */
export type Errand = {
  readonly url: string;
  readonly dataDir: string;
  readonly pid: number;
  /** What it wrote to standard output before the line that it is ready. */
  readonly announced: readonly string[];
  /** What it wrote to standard error so far: its log, and whatever should not be there. */
  stderr(): string;
  /** What it wrote to standard output so far: the line that says that it is ready, and whatever should not be there. */
  stdout(): string;
  /** Resolves with the exit code once it has ended, whoever ended it; null after a signal. */
  readonly ended: Promise<number | null>;
  /** Ends it as an operator would (SIGTERM); resolves with the exit code. */
  stop(): Promise<number | null>;
  /** Ends it as a power cut would (SIGKILL). */
  kill(): Promise<void>;
  /** Starts another process on the same data directory and port. The one before must have ended. */
  restart(environment?: Environment): Promise<Errand>;
};

export type Environment = Readonly<Record<string, string>>;
/** Has a server die just before it writes the first event of that type to that stream. `immortal` undoes it for its next life. */
export function dyingBefore(stream: string, type: string): Environment {
  const preload = new URL('./die-before-event.ts', import.meta.url).href;
  return { NODE_OPTIONS: `--import=${preload}`, DIE_BEFORE_STREAM: stream, DIE_BEFORE_TYPE: type };
}
export const immortal: Environment = { NODE_OPTIONS: '' };

export type ErrandOptions = {
  readonly environment?: Environment;
  /** A fresh folder by default, removed when the test file ends; `:memory:` keeps nothing. */
  readonly dataDir?: string;
  readonly port?: number;
};

const readyWithinMs = 20_000;
const running = new Set<ChildProcess>();
const folders: string[] = [];

/** A folder of the test's own, removed when the test file ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'errand-e2e-'));
  folders.push(folder);
  return folder;
}

/** Whatever a failed test left. Vitest ends its workers by a signal, so their own 'exit' would come too late. */
afterAll(async () => {
  await Promise.all(
    Array.from(running, async (child) => {
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    }),
  );
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** Spawns the host as its npm script does and waits for its ready line. Throws with what it wrote if it ends before. */
export async function startErrand(options: ErrandOptions = {}): Promise<Errand> {
  const dataDir = options.dataDir ?? temporaryFolder();
  const environment = { ERRAND_LOG_LEVEL: 'warn', ...options.environment, PORT: String(options.port ?? 0), ERRAND_DATA_DIR: dataDir };
  const child = spawn(process.execPath, [hostScript, ...hostArguments], {
    env: { ...inheritedEnvironment(), ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  let stderr = '';
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  // Not 'exit': what the process wrote last may still lie in its pipes then.
  const exited = once(child, 'close').then(([code]) => {
    running.delete(child);
    return code as number | null;
  });
  const announced: string[] = [];
  const url = await Promise.race([
    readyLine(child, announced),
    exited.then((code) => Promise.reject(new Error(`Errand ended with ${code} before it was ready: ${stderr}`))),
    new Promise<never>((_resolve, reject) => {
      setTimeout(() => reject(new Error(`Errand was not ready within ${readyWithinMs} ms: ${stderr}`)), readyWithinMs).unref();
    }),
  ]);
  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    child.kill(signal);
    return exited;
  };
  return {
    url,
    dataDir,
    pid: child.pid ?? 0,
    announced,
    stderr: () => stderr,
    stdout: () => stdout,
    ended: exited,
    stop: () => end('SIGTERM'),
    kill: async () => void (await end('SIGKILL')),
    restart: (more = {}) => startErrand({ dataDir, port: Number(new URL(url).port), environment: { ...options.environment, ...more } }),
  };
}

async function readyLine(child: ChildProcess, before: string[]): Promise<string> {
  if (child.stdout === null) throw new Error('standard output is not piped');
  for await (const line of createInterface({ input: child.stdout })) {
    const url = /^Errand is listening on (http:\/\/\S+)$/.exec(line)?.[1];
    if (url !== undefined) return url;
    before.push(line);
  }
  return new Promise(() => undefined);
}
