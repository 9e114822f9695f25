import type { Logger } from '../../src/application/ports.ts';

export const silentLogger: Logger = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** A logger that remembers what was said, as `level: message`. */
export function rememberingLogger(): Logger & { readonly lines: readonly string[] } {
  const lines: string[] = [];
  const note = (level: string) => (message: string) => void lines.push(`${level}: ${message}`);
  return { lines, info: note('info'), warn: note('warn'), error: note('error') };
}
