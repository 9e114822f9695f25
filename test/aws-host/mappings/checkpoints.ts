import { type Database, openDatabase } from '../../../src/adapters/sqlite/database.ts';

/** How far a mapping has come in a shard: behind a record, or through with it. */
export type Checkpoint = { readonly sequence: string | null; readonly finished: boolean };
export type Checkpoints = {
  get(mapping: string, shard: string): Checkpoint;
  save(mapping: string, shard: string, checkpoint: Checkpoint): void;
  close(): void;
};

const migrations = [
  'CREATE TABLE checkpoints (mapping TEXT NOT NULL, shard TEXT NOT NULL, sequence TEXT, finished INTEGER NOT NULL, PRIMARY KEY (mapping, shard)) STRICT',
];

/** Opens the file that also holds the data directory for this process alone. Throws `DataDirInUse` if another harness has it. */
export function openCheckpoints(dataDir: string): Checkpoints {
  const database: Database = openDatabase({ dir: dataDir, file: 'aws-host.db', migrations, synchronous: 'NORMAL' });
  const read = database.prepare('SELECT sequence, finished FROM checkpoints WHERE mapping = ? AND shard = ?');
  const write = database.prepare('INSERT OR REPLACE INTO checkpoints (mapping, shard, sequence, finished) VALUES (?, ?, ?, ?)');
  return {
    get(mapping, shard) {
      const row = read.get(mapping, shard);
      const sequence = row?.['sequence'];
      return { sequence: typeof sequence === 'string' ? sequence : null, finished: row?.['finished'] === 1 };
    },
    save: (mapping, shard, { sequence, finished }) => void write.run(mapping, shard, sequence, finished ? 1 : 0),
    close: () => database.close(),
  };
}
