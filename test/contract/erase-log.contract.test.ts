import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDatabase } from '../../src/adapters/sqlite/database.ts';
import { SqliteEraseLog } from '../../src/adapters/sqlite/erase-log.ts';
import { SqliteEventLog } from '../../src/adapters/sqlite/event-log.ts';
import { eventLogMigrations } from '../../src/adapters/sqlite/event-log-schema.ts';
import { parseStoredEvent } from '../../src/application/event-schemas.ts';
import { eraseLogContract } from './erase-log.contract.ts';

eraseLogContract('on SQLite', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'errand-erase-'));
  const database = openDatabase({ dir, file: 'events.db', migrations: eventLogMigrations, synchronous: 'NORMAL' });
  return {
    log: new SqliteEventLog({ database, parse: parseStoredEvent, recentEvents: 16, onUnreadable: () => undefined }),
    eraser: new SqliteEraseLog(database),
    async remains(stream) {
      const rows = ['events', 'bodies', 'snapshots'].flatMap((table) =>
        database.prepare(`SELECT * FROM ${table} WHERE stream = ?`).all(stream),
      );
      return rows.flatMap((row) =>
        Object.values(row).map((value) => (value instanceof Uint8Array ? new TextDecoder().decode(value) : String(value))),
      );
    },
    close() {
      database.close();
      rmSync(dir, { recursive: true });
    },
  };
});
