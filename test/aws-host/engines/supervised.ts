import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

/** A database engine in a process of its own. */
export type Engine = {
  readonly endpoint: string;
  /** Rejects if the engine ends by itself. */
  readonly ended: Promise<never>;
  stop(): Promise<void>;
};

/**
 * Runs `"$@"` and ends it as soon as standard input ends, which the kernel sees to however the harness dies. In a non-interactive
 * shell a command in the background reads from /dev/null (POSIX, 2.9.3.1), hence the second descriptor. `ERRAND_SCRATCH` is removed at the end.
 */
const supervisor = `
exec 3<&0
"$@" </dev/null 3<&- >/dev/null &
engine=$!
( cat <&3 >/dev/null; kill -TERM "$engine" 2>/dev/null; sleep 2; kill -KILL "$engine" 2>/dev/null ) >/dev/null 2>&1 &
wait "$engine"
code=$?
if [ -n "$ERRAND_SCRATCH" ]; then rm -rf "$ERRAND_SCRATCH"; fi
exit "$code"
`;

export type Supervised = {
  readonly command: string;
  readonly arguments: readonly string[];
  readonly port: number;
  readonly cwd?: string;
  /** A folder that goes with the engine. */
  readonly scratch?: string;
  readonly readyWithinMs: number;
};

/** Starts an engine and waits until it answers. Throws with what it wrote to standard error if it does not. */
export async function startSupervised(options: Supervised): Promise<Engine> {
  // A process group of its own: a Ctrl-C in the terminal must reach the harness alone, which still needs its database to stop in order.
  const child = spawn('sh', ['-c', supervisor, 'sh', options.command, ...options.arguments], {
    detached: true,
    stdio: ['pipe', 'ignore', 'pipe'],
    cwd: options.cwd,
    env: { ...process.env, ERRAND_SCRATCH: options.scratch ?? '' },
  });
  child.stdin.on('error', () => undefined);
  let complaints = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaints = (complaints + text).slice(-2_000);
  });
  const endpoint = `http://127.0.0.1:${options.port}`;
  const exited = once(child, 'exit').then(([code]) => Number(code));
  const giveUpAt = performance.now() + options.readyWithinMs;
  for (let ready = false; !ready; ) {
    if (child.exitCode !== null) throw new Error(`${options.command} ended with ${child.exitCode}: ${complaints.trim()}`);
    ready = await answers(endpoint).then(
      () => true,
      () => false,
    );
    if (ready) break;
    if (performance.now() > giveUpAt) {
      await end(child, exited);
      throw new Error(`${options.command} was not ready within ${options.readyWithinMs} ms: ${complaints.trim()}`);
    }
    await pause(10);
  }
  let stopping = false;
  const ended = exited.then((code) => {
    if (stopping) return new Promise<never>(() => undefined);
    throw new Error(`the database engine ended with ${code}: ${complaints.trim()}`);
  });
  ended.catch(() => undefined);
  return {
    endpoint,
    ended,
    async stop() {
      stopping = true;
      await end(child, exited);
    },
  };
}

/** Whatever it says. On a connection of its own: an engine that is told to end waits for those that are kept open. */
function answers(endpoint: string): Promise<unknown> {
  return fetch(endpoint, { headers: { connection: 'close' }, signal: AbortSignal.timeout(1_000) });
}

async function end(child: ChildProcess, exited: Promise<number>): Promise<void> {
  child.stdin?.end();
  await exited;
}

/** A port that was free a moment ago: neither engine can choose one itself and say which. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port was given');
  return address.port;
}
