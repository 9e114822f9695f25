/** Something that is to happen; cancelling it once it has happened does no harm. */
export type Timer = { cancel(): void };

/** When the parts of the single-node host have their turn; in a simulation, decided by a seed. */
export type Timers = {
  after(ms: number, run: () => void): Timer;
  every(ms: number, run: () => void): Timer;
  /** Resolves once everybody else who is ready has had a turn. */
  nextTurn(): Promise<void>;
};

/** The event loop of this process. */
export const systemTimers: Timers = {
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return { cancel: () => clearTimeout(timer) };
  },
  every(ms, run) {
    const timer = setInterval(run, ms);
    return { cancel: () => clearInterval(timer) };
  },
  nextTurn: () => new Promise((resolve) => setImmediate(resolve)),
};
