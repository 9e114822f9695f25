import { runners } from '../runners/registry.ts';
import { createLogger } from './logger.ts';
import { startServer } from './server.ts';
import { readSettings } from './settings.ts';

/**
 * Names are resolved on libuv's threads, by at most half of them at a time, and one whose servers hang holds its thread for seconds:
 * with the usual four threads two such names would hold up every other new connection. Threads that wait cost next to nothing.
 * Read when the pool is first used, which no import does (seen with Node 24: `/proc/<pid>/task`).
 */
process.env['UV_THREADPOOL_SIZE'] ||= '64';

/** How long calls under way may take after the signal to stop. */
const stopWaitMs = 10_000;

async function main(): Promise<void> {
  const settings = readSettings(process.env);
  const logger = createLogger(settings.logLevel);
  const server = await startServer(settings, logger, runners);

  let stopping = false;
  const stop = (): void => {
    // The second signal is from somebody in a hurry: whatever is acknowledged is on disk already.
    if (stopping) process.exit(1);
    stopping = true;
    server.stop(stopWaitMs).then(
      () => process.exit(0),
      (error: unknown) => {
        console.error(`Errand could not stop cleanly: ${error instanceof Error ? error.message : String(error)}`);
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  // Last: whoever reads this line may send a signal at once.
  console.log(`Errand is listening on ${server.url}`);
}

main().catch((error: unknown) => {
  console.error(`Errand cannot start: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
});
