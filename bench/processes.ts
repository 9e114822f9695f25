import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export type Running = { readonly url: string; readonly pid: number; readonly startedInMs: number; stop(): Promise<void> };

const children = new Set<ChildProcess>();
const folders: string[] = [];
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

/** A data directory on the disk of the temporary folder (TMPDIR), removed at the end. */
export function temporaryDataDir(): string {
  const folder = mkdtempSync(join(tmpdir(), 'errand-bench-'));
  folders.push(folder);
  return folder;
}

/** Starts a script that prints its address once it is ready. `nodeOptions` profile it, for instance. */
export async function startProcess(
  script: string,
  environment: Readonly<Record<string, string>> = {},
  nodeOptions: readonly string[] = [],
  scriptArguments: readonly string[] = [],
): Promise<Running> {
  const beganAt = performance.now();
  const child = spawn(process.execPath, [...nodeOptions, script, ...scriptArguments], {
    env: { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '', ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.add(child);
  const exited = once(child, 'exit').then(() => void children.delete(child));
  for await (const line of createInterface({ input: child.stdout })) {
    const url = /(?:ready|listening) on (http:\/\/\S+)$/.exec(line)?.[1];
    if (url === undefined) continue;
    const startedInMs = performance.now() - beganAt;
    const stop = (): Promise<void> => {
      child.kill('SIGTERM');
      return exited;
    };
    return { url, pid: child.pid ?? 0, startedInMs, stop };
  }
  throw new Error(`${script} ended before it was ready`);
}

/** The real server. `ERRAND_BENCH_NODE_OPTIONS` goes to its Node, to profile it: "--cpu-prof --cpu-prof-dir=/tmp/profile". */
export function startServer(dataDir: string): Promise<Running> {
  const options = (process.env['ERRAND_BENCH_NODE_OPTIONS'] ?? '').split(' ').filter((option) => option !== '');
  return startProcess('src/server/main.ts', { PORT: '0', ERRAND_DATA_DIR: dataDir, ERRAND_LOG_LEVEL: 'warn' }, options);
}

/** The resident memory of a process in MiB, as Linux tells it; null elsewhere. */
export function residentMiB(pid: number): number | null {
  try {
    const kiB = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kiB === undefined ? null : Number(kiB) / 1_024;
  } catch {
    return null;
  }
}

export function sizeMiB(folder: string, name?: string): number {
  const bytes = readdirSync(folder)
    .filter((file) => name === undefined || file.startsWith(name))
    .reduce((sum, file) => sum + statSync(join(folder, file)).size, 0);
  return bytes / 1_048_576;
}

export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) => row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0))).join('  '))
    .join('\n');
}

export const whole = (value: number): string => Math.round(value).toLocaleString('en-GB');
