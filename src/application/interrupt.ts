import { type CommandOutcome, execute } from './execute.ts';
import type { Clock, Logger, Random } from './ports.ts';
import type { TaskStore } from './task-store.ts';

export type InterruptPorts = { readonly store: TaskStore; readonly clock: Clock; readonly random: Random; readonly logger: Logger };

/** As many appends as may well share a commit. */
const chunk = 1_000;

/**
 * Attempts whose process is known to be gone are over, whatever came of them: they fail as interrupted, an attempt like any other.
 * A stream that cannot be interrupted is logged and left to its lease; it must not keep the others from being run.
 */
export async function interruptAttempts(ports: InterruptPorts, streams: readonly string[]): Promise<void> {
  for (let first = 0; first < streams.length; first += chunk) {
    await Promise.all(
      streams.slice(first, first + chunk).map((stream) =>
        interrupt(ports, stream).catch((error: unknown) => {
          ports.logger.error('an attempt whose process is gone could not be interrupted', { stream, error: String(error) });
        }),
      ),
    );
  }
}

async function interrupt(ports: InterruptPorts, stream: string): Promise<CommandOutcome | null> {
  const { state } = await ports.store.load(stream);
  if (state.status !== 'running') return null;
  const { startedVersion } = state;
  const error = { kind: 'interrupted', message: 'the process ended while this attempt was running' } as const;
  const random = ports.random.next();
  return execute(ports, {
    stream,
    command: (now) => ({ type: 'fail', now, random, startedVersion, error, retryable: true, retryAfterMs: null }),
  });
}
