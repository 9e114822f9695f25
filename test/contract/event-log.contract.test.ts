import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDatabase } from '../../src/adapters/sqlite/database.ts';
import { SqliteEventLog } from '../../src/adapters/sqlite/event-log.ts';
import { eventLogMigrations } from '../../src/adapters/sqlite/event-log-schema.ts';
import { parseStoredEvent } from '../../src/application/event-schemas.ts';
import { MemoryEventLog } from '../support/memory-event-log.ts';
import { eventLogContract } from './event-log.contract.ts';

eventLogContract('in memory', async () => ({ log: new MemoryEventLog(), close: () => undefined }));

eventLogContract('on SQLite', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'errand-log-'));
  const database = openDatabase({ dir, file: 'events.db', migrations: eventLogMigrations, synchronous: 'NORMAL' });
  return {
    log: new SqliteEventLog({ database, parse: parseStoredEvent, recentEvents: 16, onUnreadable: () => undefined }),
    close() {
      database.close();
      rmSync(dir, { recursive: true });
    },
  };
});
