import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Database } from '../adapters/sqlite/database.ts';
import { countEvents, eventsByStream } from '../adapters/sqlite/log-by-stream.ts';
import type { StoredEvent } from '../application/ports.ts';
import type { Environment } from '../handlers/environment.ts';
import { presentSecrets } from '../server/secret-files.ts';
import { readDataDir } from '../server/settings.ts';
import { createLog, importMarkFile, logFile, openLogDatabase } from '../server/storage.ts';
import { importMarkShape } from './import-mark-shape.ts';
import type { EventsWanted, ImportMarks, LogHost, Tell } from './log-host.ts';
import { keyIdsOf } from './log-keys.ts';
import { inBrief } from './progress.ts';
import { Refused } from './refused.ts';
import { serverRemoval } from './server-removal.ts';
import { checkServerViews, rebuildServerViews } from './server-views.ts';

/**
 * The server's data directory, held for this process alone. Throws `DataDirInUse` while a server is running on it, and `Refused` if
 * there is none, unless it may be made.
 */
export function openServerHost(environment: Environment, { make, tell }: { readonly make: boolean; readonly tell: Tell }): LogHost {
  const dataDir = readDataDir(environment);
  if (!make && !existsSync(join(dataDir, logFile))) {
    throw new Refused(`there is no event log in ${dataDir}; ERRAND_DATA_DIR says where it is`);
  }
  const database = openLogDatabase(dataDir);
  try {
    const log = createLog(database, ({ position, stream, version, error }) =>
      tell(`event ${position} of the log, ${stream}@${version}, does not read and is passed over: ${inBrief(error)}`),
    );
    return {
      kind: 'server',
      name: `the data directory ${dataDir}`,
      log,
      events: (wanted) => inTurn(database, wanted),
      countEvents: async () => countEvents(database),
      isEmpty: async () => countEvents(database) === 0,
      keyIds: async () => keyIdsOf(presentSecrets({ dataDir, ...secretsIn(environment) })),
      imports: importMarksIn(dataDir),
      rebuild: (told) => rebuildServerViews(dataDir, log, told),
      check: (told, say) => checkServerViews(dataDir, log, told, say),
      removal: serverRemoval(dataDir, database, log),
      close: () => database.close(),
    };
  } catch (error) {
    database.close();
    throw error;
  }
}

async function* inTurn(database: Database, { of }: EventsWanted = {}): AsyncGenerator<StoredEvent> {
  for (const event of eventsByStream(database, (event) => event)) if (of === undefined || of(event.stream)) yield event;
}

function secretsIn(environment: Environment) {
  return {
    signingSecret: environment['ERRAND_SIGNING_SECRET'] || undefined,
    sealingKeys: environment['ERRAND_SEALING_KEYS'] || undefined,
    tokenKeys: environment['ERRAND_TOKEN_KEYS'] || undefined,
  };
}

function importMarksIn(dataDir: string): ImportMarks {
  const path = join(dataDir, importMarkFile);
  return {
    async read() {
      if (!existsSync(path)) return null;
      return importMarkShape.parse(JSON.parse(readFileSync(path, 'utf8')));
    },
    async write(mark) {
      // There whole or not at all, and before anything that it speaks of.
      writeFileSync(`${path}.part`, `${JSON.stringify(mark)}\n`, { mode: 0o600, flush: true });
      renameSync(`${path}.part`, path);
      syncFolder(dataDir);
    },
    async clear() {
      rmSync(path);
      syncFolder(dataDir);
    },
  };
}

function syncFolder(folder: string): void {
  const handle = openSync(folder, 'r');
  fsyncSync(handle);
  closeSync(handle);
}
