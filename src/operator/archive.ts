import { parseArgs } from 'node:util';
import { createRandomIds } from '../adapters/crypto/random-ids.ts';
import { systemClock } from '../adapters/system-clock.ts';
import { archiveLog } from './archive-log.ts';
import { reading, runCommand, WrongUse } from './command.ts';
import { environmentUsage, openHost } from './open-host.ts';

const usage = `Moves what has ended long ago from the log into a file, and removes it from the log. Without --yes it only says what it would do.

  npm run archive -- --to FILE --days N          says what would be archived: streams whose newest event is more than N days old
  npm run archive -- --to FILE --days N --yes    does it; interrupted, it is run again with the same file and goes on
  npm run archive -- --help                      shows this

Open tasks, schedules and orchestrations stay, and so do tasks of an open one, one with open tasks, and all whose callback is not
delivered yet. The file is an export: \`npm run import\` opens it in an empty log. What stays in the log is the id of each: it is never
used again, reads answer 404, and a repeated create 409. A server must be stopped. Functions may be at work: the run then closes the
streams first and waits 20 minutes for functions that began before; with --at-rest it does not, and none may be at work.

${environmentUsage}`;

const options = {
  to: { type: 'string' },
  days: { type: 'string' },
  yes: { type: 'boolean' },
  'dry-run': { type: 'boolean' },
  'at-rest': { type: 'boolean' },
  help: { type: 'boolean' },
} as const;
const dayMs = 86_400_000;
/** Names of streams are held in memory, about 100 bytes each. */
const streamsPerRun = 500_000;

async function main(): Promise<void> {
  const given = reading(() => parseArgs({ args: process.argv.slice(2), options, strict: true }).values);
  if (given.help === true) {
    console.log(usage);
    return;
  }
  const { to, days = '', yes = false, 'dry-run': dryRun = false, 'at-rest': atRest = false } = given;
  if (to === undefined || to === '') throw new WrongUse('--to FILE is missing');
  if (!/^[1-9]\d{0,4}$/.test(days)) throw new WrongUse('--days must be a whole number of days from 1');
  if (yes && dryRun) throw new WrongUse('--yes and --dry-run exclude each other');
  const tell = (line: string): void => console.error(line);
  const host = await openHost(process.env, { make: false, tell });
  try {
    await archiveLog(host, {
      to,
      endedBefore: systemClock.now() - Number(days) * dayMs,
      limit: streamsPerRun,
      dryRun: !yes,
      atRest: atRest || host.kind === 'server',
      clock: systemClock,
      ids: createRandomIds(systemClock),
      tell,
      say: (line) => console.log(line),
    });
  } finally {
    host.close();
  }
}

runCommand(main, { usage, failed: 'The log cannot be archived' });
