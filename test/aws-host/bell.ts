/** Wakes whoever waits for news. What rings while nobody waits is heard by the next who does. */
export type Bell = { ring(): void /** Resolves at the next ring, or after `ms`. */; heard(ms: number): Promise<void> };

export function createBell(): Bell {
  let rung = false;
  let wake: (() => void) | undefined;
  return {
    ring() {
      rung = true;
      wake?.();
    },
    async heard(ms) {
      if (!rung) {
        let timer: NodeJS.Timeout | undefined;
        await new Promise<void>((resolve) => {
          wake = resolve;
          timer = setTimeout(resolve, ms);
        });
        clearTimeout(timer);
        wake = undefined;
      }
      rung = false;
    },
  };
}
