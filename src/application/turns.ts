/** Waits for one's turn at something; resolves with what ends the turn. */
export type Turns = (at: string) => Promise<() => void>;

/** Lets those of this process who are after the same thing have it one after the other, in the order in which they came. */
export function createTurns(): Turns {
  const last = new Map<string, Promise<void>>();
  return async (at) => {
    const before = last.get(at);
    const { promise, resolve } = Promise.withResolvers<void>();
    last.set(at, promise);
    await before;
    return () => {
      if (last.get(at) === promise) last.delete(at);
      resolve();
    };
  };
}
