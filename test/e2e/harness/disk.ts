import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readdirSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { temporaryFolder } from './errand.ts';

/** Runs a command of the system; throws with what it said. */
function run(command: string, ...args: readonly string[]): void {
  execFileSync(command, args, { stdio: 'pipe' });
}

/** Whether something works here at all; it is undone by whoever tries it. */
function works(attempt: () => void): boolean {
  try {
    attempt();
    return true;
  } catch {
    return false;
  }
}

const mounted: string[] = [];
// Registered after that of errand.ts, and so run before it removes the folders.
afterAll(() => {
  for (const folder of mounted.splice(0)) works(() => run('umount', '--lazy', folder));
});

/** A file system of its own in memory, as large as told. Mounting takes root. */
export function mountSmallDisk(sizeMiB: number): { readonly folder: string; fill(): void; free(): void } {
  const folder = temporaryFolder();
  run('mount', '-t', 'tmpfs', '-o', `size=${sizeMiB}m`, 'tmpfs', folder);
  mounted.push(folder);
  const ballast = join(folder, 'ballast');
  return {
    folder,
    fill() {
      const file = openSync(ballast, 'w');
      for (const size of [65_536, 4_096]) while (works(() => writeWhole(file, size)));
      closeSync(file);
    },
    free: () => rmSync(ballast),
  };
}

function writeWhole(file: number, bytes: number): void {
  if (writeSync(file, Buffer.alloc(bytes)) < bytes) throw new Error('no space is left');
}

/** Makes everything in a folder unchangeable, also through files that are open already: `chattr +i`, on ext4 and as root. */
export function freeze(folder: string): void {
  run('chattr', '+i', ...inside(folder), folder);
}

export function thaw(folder: string): void {
  run('chattr', '-i', folder, ...inside(folder));
}

const inside = (folder: string): readonly string[] => readdirSync(folder).map((name) => join(folder, name));

export const canMount: boolean = works(() => {
  mountSmallDisk(1);
});

export const canFreeze: boolean = works(() => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'inner'));
  const file = openSync(join(folder, 'inner', 'file'), 'w');
  try {
    freeze(join(folder, 'inner'));
    if (works(() => writeSync(file, 'x'))) throw new Error('files that are open can still be written');
  } finally {
    works(() => thaw(join(folder, 'inner')));
    closeSync(file);
  }
});
