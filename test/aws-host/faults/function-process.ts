import type { Create, LambdaHandler } from '../../../src/handlers/lambda.ts';
import { createShiftedClock } from './shifted-clock.ts';

/** What a function is made of, in `ERRAND_FUNCTION`. */
export type Made = { readonly file: string; readonly environment: Readonly<Record<string, string>> };
/** An invocation, and what comes of it. `aheadMs`: how far the clock of all functions is ahead of the machine. */
export type Invocation = { readonly number: number; readonly event: unknown; readonly timeoutMs: number; readonly aheadMs: number };
export type Outcome = { readonly number: number } & ({ readonly result: unknown } | { readonly error: string });

// A function in a process of its own, so that it can die as Lambda's do: at once, and with all that it had under way.
const { file, environment } = JSON.parse(process.env['ERRAND_FUNCTION'] ?? '{}') as Made;
const clock = createShiftedClock();
let made: Promise<LambdaHandler> | undefined;

process.on('message', async ({ number, event, timeoutMs, aheadMs }: Invocation) => {
  clock.pass(aheadMs - clock.aheadMs);
  const endsAt = performance.now() + timeoutMs;
  const tell = (outcome: Outcome): void => void process.send?.(outcome);
  try {
    made ??= import(file).then(({ create }: { create: Create }) => create(environment, { clock }));
    const handle = await made;
    const result = await handle(event, { getRemainingTimeInMillis: () => Math.max(0, Math.floor(endsAt - performance.now())) });
    tell({ number, result: result ?? null });
  } catch (error) {
    tell({ number, error: String(error) });
  }
});
process.on('disconnect', () => process.exit(0));
