import { parseArgs } from 'node:util';
import { reading, runCommand } from './command.ts';
import { environmentUsage, openHost } from './open-host.ts';
import { Refused } from './refused.ts';

const usage = `Makes the read models (lists, due index, statistics) anew from the event log.

  npm run rebuild                server: drops them and rebuilds them; AWS: writes what is missing or behind
  npm run rebuild -- --check     rebuilds them beside the present ones and compares every row; exits with 1 on a difference
  npm run rebuild -- --help      shows this

${environmentUsage}`;

async function main(): Promise<void> {
  const { check = false, help = false } = reading(
    () =>
      parseArgs({ args: process.argv.slice(2), options: { check: { type: 'boolean' }, help: { type: 'boolean' } }, strict: true }).values,
  );
  if (help) {
    console.log(usage);
    return;
  }
  const [tell, say] = [(line: string): void => console.error(line), (line: string): void => console.log(line)];
  const host = await openHost(process.env, { make: false, tell });
  try {
    if ((await host.imports.read()) !== null) {
      throw new Refused(`an import into ${host.name} is not finished: run it again with the same file, it ends with this`);
    }
    if (!check) say(await host.rebuild(tell));
    else if (!(await host.check(tell, say))) process.exitCode = 1;
  } finally {
    host.close();
  }
}

runCommand(main, { usage, failed: 'The read models cannot be rebuilt' });
