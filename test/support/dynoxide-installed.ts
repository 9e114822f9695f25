import { createRequire } from 'node:module';

/** Whether the first engine of the AWS host is there: its package is for Linux on x86-64 only. Elsewhere the second one does all. */
export function isDynoxideInstalled(): boolean {
  try {
    return createRequire(import.meta.url).resolve('@dynoxide/linux-x64/dynoxide') !== '';
  } catch {
    return false;
  }
}
