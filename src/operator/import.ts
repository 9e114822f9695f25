import { parseArgs } from 'node:util';
import { reading, runCommand, WrongUse } from './command.ts';
import { importLog } from './import-log.ts';
import { environmentUsage, openHost } from './open-host.ts';
import { count } from './progress.ts';

const usage = `Brings a log that was written by \`npm run export\` into the empty log of another host, and makes its read models.

  npm run import -- --from FILE                     interrupted, it is run again with the same file and goes on
  npm run import -- --from FILE --without-key ID    goes on without a key that is lost; may be given several times
  npm run import -- --help                          shows this

Hand over the old host's signing, token and sealing keys first: what they sealed and signed needs them. Nothing that is imported is
run, published or called back again; what is still to happen happens in its time. On AWS the variables that end in _ARN name the
secrets of the keys, and ERRAND_WAKE_QUEUE_URL and ERRAND_WAKE_LONG_QUEUE_URL the queues by which what is due soon is on time.

${environmentUsage}`;

const options = { from: { type: 'string' }, 'without-key': { type: 'string', multiple: true }, help: { type: 'boolean' } } as const;

async function main(): Promise<void> {
  const given = reading(() => parseArgs({ args: process.argv.slice(2), options, strict: true }).values);
  if (given.help === true) {
    console.log(usage);
    return;
  }
  const { from, 'without-key': withoutKeys = [] } = given;
  if (from === undefined || from === '') throw new WrongUse('--from FILE is missing');
  const tell = (line: string): void => console.error(line);
  const host = await openHost(process.env, { make: true, tell });
  try {
    const { manifest, rebuilt } = await importLog(host, from, { withoutKeys, tell });
    console.log(rebuilt);
    const { events, streams, foldsChecksum } = manifest;
    console.log(`${count(events)} events of ${count(streams)} streams were imported. Checksum of folds, read back: ${foldsChecksum}`);
  } finally {
    host.close();
  }
}

runCommand(main, { usage, failed: 'The log cannot be imported' });
