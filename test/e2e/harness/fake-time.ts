import { existsSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Environment } from './errand.ts';
import { temporaryFolder } from './errand.ts';

/** Debian's libfaketime (package `libfaketime`), which answers for the clock of a process; null where it is not installed. */
export const fakeTimeLibrary: string | null =
  ['/usr/lib', ...(existsSync('/usr/lib') ? readdirSync('/usr/lib').map((name) => join('/usr/lib', name)) : [])]
    .map((folder) => join(folder, 'faketime', 'libfaketime.so.1'))
    .find((file) => existsSync(file)) ?? null;

/** How long what is under way when the clock is set may take. */
const underWayMs = 1_500;

/**
 * The wall clock of another process, to be set while that runs; its timers go on as they did, as on a machine whose clock is set. What was
 * under way at such a moment may have seen either time: `earliest` and `latest` are both bounds of what that process takes the time for.
 */
export function createFakeTime(library: string) {
  const file = join(temporaryFolder(), 'offset');
  let [low, high] = [0, 0];
  const write = (offsetMs: number): void => {
    writeFileSync(`${file}.new`, `${offsetMs < 0 ? '-' : '+'}${Math.abs(offsetMs) / 1_000}s\n`);
    renameSync(`${file}.new`, file);
  };
  write(0);
  const environment: Environment = {
    LD_PRELOAD: library,
    FAKETIME_TIMESTAMP_FILE: file,
    FAKETIME_NO_CACHE: '1',
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
  };
  return {
    environment,
    earliest: () => Date.now() + low,
    latest: () => Date.now() + high,
    async set(offsetMs: number): Promise<void> {
      [low, high] = [Math.min(low, offsetMs), Math.max(high, offsetMs)];
      await pause(underWayMs);
      write(offsetMs);
      await pause(underWayMs);
      [low, high] = [offsetMs, offsetMs];
    },
  };
}
