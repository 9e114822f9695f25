import type { Wake, WakeQueue } from '../../src/application/ports.ts';

/** Wakes on their way. A test takes out what is due; nothing is given out before its time. */
export class MemoryWakeQueue implements WakeQueue {
  #held: Wake[] = [];
  /** All wakes that were ever taken. */
  readonly sent: Wake[] = [];
  /** Which wakes cannot be sent. */
  refuses: (wake: Wake) => boolean = () => false;

  async send(wakes: readonly Wake[]): Promise<readonly Wake[]> {
    const refused = wakes.filter((wake) => this.refuses(wake));
    const taken = wakes.filter((wake) => !refused.includes(wake));
    this.#held.push(...taken);
    this.sent.push(...taken);
    return refused;
  }

  takeDue(now: number): readonly Wake[] {
    const due = this.#held.filter(({ dueAt }) => dueAt <= now).sort((left, right) => left.dueAt - right.dueAt);
    this.#held = this.#held.filter(({ dueAt }) => dueAt > now);
    return due;
  }

  get held(): readonly Wake[] {
    return this.#held;
  }
}
