import { execFile } from 'node:child_process';
import { inheritedEnvironment } from '../../support/inherited-environment.ts';

export type ScriptResult = { readonly code: number | null; readonly stdout: string; readonly stderr: string };

/** Runs one of the server's scripts to its end, as the npm script of that name does. One that takes longer is killed, with code null. */
export function runScript(
  file: string,
  args: readonly string[] = [],
  environment: Readonly<Record<string, string>> = {},
  limitMs = 60_000,
): Promise<ScriptResult> {
  return new Promise((resolve) => {
    const env = { ...inheritedEnvironment(), ...environment };
    const options = { env, timeout: limitMs, killSignal: 'SIGKILL', maxBuffer: 64 * 1_024 * 1_024 } as const;
    const child = execFile(process.execPath, [file, ...args], options, (_error, stdout, stderr) => {
      resolve({ code: child.exitCode, stdout, stderr });
    });
  });
}
