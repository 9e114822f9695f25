import { parseArgs } from 'node:util';
import { reading, runCommand, WrongUse } from './command.ts';
import { exportLog } from './export-log.ts';
import { environmentUsage, openHost } from './open-host.ts';
import { count } from './progress.ts';

const usage = `Writes the whole event log, with all bodies, to a file from which \`npm run import\` makes the log of another host.

  npm run -s export -- --to FILE    FILE must not be there yet; it is made readable by its owner only
  npm run -s export -- --help       shows this

The host must be at rest: stopped, no task running. Signing, token and sealing keys are not exported, only their ids; headers that
were sealed stay so. Requests, results and callbacks are in the file as they are.

${environmentUsage}`;

async function main(): Promise<void> {
  const { to, help = false } = reading(
    () => parseArgs({ args: process.argv.slice(2), options: { to: { type: 'string' }, help: { type: 'boolean' } }, strict: true }).values,
  );
  if (help) {
    console.log(usage);
    return;
  }
  if (to === undefined || to === '') throw new WrongUse('--to FILE is missing');
  const tell = (line: string): void => console.error(line);
  const host = await openHost(process.env, { make: false, tell });
  try {
    const { events, streams, foldsChecksum, keys } = await exportLog(host, to, tell);
    console.log(`${count(events)} events of ${count(streams)} streams were exported to ${to}. Checksum of folds: ${foldsChecksum}`);
    const named = Object.entries(keys).map(([kind, ids]) => `${kind} ${ids.length === 0 ? 'unknown' : ids.join(', ')}`);
    console.log(`The new host needs the keys of the old one; by their ids: ${named.join('; ')}`);
  } finally {
    host.close();
  }
}

runCommand(main, { usage, failed: 'The log cannot be exported' });
