import { createLogger } from '../../src/server/logger.ts';
import { readSettings } from '../../src/server/settings.ts';
import { readOptions } from './options.ts';
import { redirectFunctionOutput } from './output.ts';

// As on the server: names whose servers hang must not hold up other connections (src/server/main.ts).
process.env['UV_THREADPOOL_SIZE'] ||= '64';

/** How long invocations under way may take after the signal to stop. */
const stopWaitMs = 10_000;

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2));
  const settings = readSettings(process.env);
  const { print } = redirectFunctionOutput();
  // Only now: the SDK and all functions take longer to load than a wrong setting should wait for its answer.
  const { startAwsHost } = await import('./host.ts');
  const host = await startAwsHost(settings, options, createLogger(settings.logLevel));
  host.broken.catch(fail('Errand cannot go on'));

  let stopping = false;
  const stop = (): void => {
    if (stopping) process.exit(1);
    stopping = true;
    host.stop(stopWaitMs).then(() => process.exit(0), fail('Errand could not stop cleanly'));
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  const { busName, endpoint, deadLetters } = host.producers;
  print(`The bus ${busName} takes events at ${endpoint}; what is refused goes to ${deadLetters}`);
  print(`Errand is listening on ${host.url}`);
}

function fail(what: string): (error: unknown) => never {
  return (error) => {
    console.error(`${what}: ${error instanceof Error ? error.message : String(error)}`);
    process.exit(1);
  };
}

main().catch(fail('Errand cannot start'));
