/** What every process needs, and where it finds what others of the same code have compiled; nothing that sets Errand up. */
export function inheritedEnvironment(): Record<string, string> {
  const cache = process.env['NODE_COMPILE_CACHE'];
  return {
    PATH: process.env['PATH'] ?? '',
    HOME: process.env['HOME'] ?? '',
    ...(cache === undefined ? {} : { NODE_COMPILE_CACHE: cache }),
  };
}
