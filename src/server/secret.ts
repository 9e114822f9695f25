import { keptSigningSecret } from './secret-files.ts';
import { readDataDir } from './settings.ts';

/** `npm run -s secret`: prints the signing secret of the data directory, made if missing, and nothing else. */
try {
  if (process.argv.length > 2) throw new Error('it takes no arguments; ERRAND_DATA_DIR says which data directory');
  console.log(keptSigningSecret(readDataDir(process.env)));
} catch (error) {
  console.error(`The signing secret cannot be shown: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
