import { parseArgs } from 'node:util';
import { createRandomIds } from '../adapters/crypto/random-ids.ts';
import { systemClock } from '../adapters/system-clock.ts';
import { streamOf } from '../domain/streams.ts';
import { reading, runCommand, WrongUse } from './command.ts';
import { eraseInFile } from './erase-file.ts';
import { type EraseOptions, eraseStreams } from './erase-streams.ts';
import { environmentUsage, openHost } from './open-host.ts';

const usage = `Erases tasks, schedules and orchestrations that have ended: nothing of their content is left, only their ids, which are never used
again (an id should not say anything about a person). Without --yes it only says what it would do.

  npm run erase -- --task ID             each may be given several times
  npm run erase -- --schedule ID         with --children also the tasks that it made
  npm run erase -- --orchestration ID    with --children also its steps, checks, fallbacks and callback
  npm run erase -- ... --yes             does it; interrupted, it is run again
  npm run erase -- ... --file FILE       in an export or archive instead of the host's log; may be given several times
  npm run erase -- --help                shows this

What is open is refused: cancel or delete it first. A server must be stopped. Functions may be at work: the run then closes the streams
first and waits 20 minutes for functions that began before; with --at-rest it does not, and none may be at work. On AWS
ERRAND_DEAD_LETTER_QUEUE_URLS (separated by commas) names the queues of dead letters to be looked through.

${environmentUsage}`;

const options = {
  task: { type: 'string', multiple: true },
  schedule: { type: 'string', multiple: true },
  orchestration: { type: 'string', multiple: true },
  children: { type: 'boolean' },
  file: { type: 'string', multiple: true },
  yes: { type: 'boolean' },
  'dry-run': { type: 'boolean' },
  'at-rest': { type: 'boolean' },
  help: { type: 'boolean' },
} as const;

async function main(): Promise<void> {
  const given = reading(() => parseArgs({ args: process.argv.slice(2), options, strict: true }).values);
  if (given.help === true) {
    console.log(usage);
    return;
  }
  const { task = [], schedule = [], orchestration = [], children = false, file: files = [], yes = false } = given;
  const streams = [
    ...task.map((id) => streamOf('task', id)),
    ...schedule.map((id) => streamOf('schedule', id)),
    ...orchestration.map((id) => streamOf('orchestration', id)),
  ];
  if (streams.length === 0) throw new WrongUse('--task ID, --schedule ID or --orchestration ID is missing');
  if ([...streams, ...files].some((text) => text === '' || text.endsWith('#'))) throw new WrongUse('an id or a file is empty');
  if (yes && given['dry-run'] === true) throw new WrongUse('--yes and --dry-run exclude each other');
  const erasing: EraseOptions = {
    streams,
    children,
    dryRun: !yes,
    clock: systemClock,
    ids: createRandomIds(systemClock),
    tell: (line) => console.error(line),
    say: (line) => console.log(line),
  };
  for (const path of files) await eraseInFile(path, erasing);
  if (files.length === 0) await eraseInLog(erasing, given['at-rest'] === true);
}

async function eraseInLog(erasing: EraseOptions, atRest: boolean): Promise<void> {
  const host = await openHost(process.env, { make: false, tell: erasing.tell });
  try {
    await eraseStreams(host, { ...erasing, atRest: atRest || host.kind === 'server' });
  } finally {
    host.close();
  }
}

runCommand(main, { usage, failed: 'It cannot be erased' });
