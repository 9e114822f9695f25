import type { Database } from '../adapters/sqlite/database.ts';
import { SqliteEraseLog } from '../adapters/sqlite/erase-log.ts';
import type { SqliteEventLog } from '../adapters/sqlite/event-log.ts';
import type { EraseLog } from '../application/ports.ts';
import type { Removal } from './log-host.ts';
import { dropServerViews, rebuildServerViews } from './server-views.ts';

/** Everything that a server knows lies in its data directory: the log, and read models that can be made anew. */
export function serverRemoval(dataDir: string, database: Database, log: SqliteEventLog): Removal {
  let made: SqliteEraseLog | undefined;
  const eraser = (): SqliteEraseLog => {
    made ??= new SqliteEraseLog(database);
    return made;
  };
  const erasing: EraseLog = { erase: async (erasures) => eraser().erase(erasures) };
  return {
    log: erasing,
    // Whatever happens now, a server that starts makes them from what is then in the log.
    begin: () => dropServerViews(dataDir, log).close(),
    forget: async () => undefined,
    async finish(tell) {
      tell('writes the files anew, so that nothing of what was removed is left in them');
      eraser().writeAnew();
      return rebuildServerViews(dataDir, log, tell);
    },
    searchElsewhere: async () => [
      'Copies that are not in the data directory stay as they are: backups of it, what subscribers and targets were told, and exports (--file rewrites one).',
    ],
  };
}
