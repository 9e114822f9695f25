import type { Random } from '../../application/ports.ts';

/** For jitter and the like. Not for anything that must not be guessed: keys, tokens and ids come from `crypto`. */
export const systemRandom: Random = { next: () => Math.random() };
