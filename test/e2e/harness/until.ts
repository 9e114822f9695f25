import { setTimeout as pause } from 'node:timers/promises';

/** Asks again and again until there is an answer other than undefined; fails with what was awaited after `withinMs`. */
export async function until<T>(what: string, ask: () => T | undefined | Promise<T | undefined>, withinMs = 10_000): Promise<T> {
  const end = performance.now() + withinMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > end) throw new Error(`${what} did not happen within ${withinMs} ms`);
    await pause(10);
  }
}
