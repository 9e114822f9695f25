import { mkdtempSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type Engine, freePort, startSupervised } from './supervised.ts';

const binaryName = '@dynoxide/linux-x64/dynoxide';

function findBinary(): string {
  try {
    return createRequire(import.meta.url).resolve(binaryName);
  } catch {
    throw new Error(
      `Dynoxide does not run here: its package exists for Linux on x86-64 only, and this is ${process.platform} on ${process.arch}. ` +
        "Use Amazon's engine instead: --engine dynamodb-local (needs Java 17 or later)",
    );
  }
}

/** A file, also where nothing is to be kept: the index below needs one. It goes with the engine then. */
export async function startDynoxide(dataDir: string): Promise<Engine> {
  const binary = findBinary();
  const scratch = dataDir === ':memory:' ? mkdtempSync(join(tmpdir(), 'errand-aws-')) : undefined;
  const file = join(scratch ?? dataDir, 'dynoxide.db');
  const port = await freePort();
  const engine = await startSupervised({
    command: binary,
    arguments: ['serve', '--port', String(port), '--db-path', file],
    port,
    ...(scratch === undefined ? {} : { scratch }),
    readyWithinMs: 10_000,
  });
  indexStreamRecords(file);
  return engine;
}

/**
 * Each write to a table with a stream looks for the highest sequence number of the stream, a scan of all its records without this
 * index: measured, 740 instead of 3,400 writes a second after 15,000 records (Dynoxide 1.2.1).
 */
function indexStreamRecords(file: string): void {
  const database = new DatabaseSync(file, { timeout: 5_000 });
  database.exec('CREATE INDEX IF NOT EXISTS errand_stream_records ON _stream_records (table_name, CAST(sequence_number AS INTEGER))');
  database.close();
}
