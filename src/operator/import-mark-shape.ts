import * as z from 'zod';
import type { ImportMark } from './log-host.ts';

/** A note of an unfinished import as it is read back. */
export const importMarkShape = z.strictObject({
  file: z.string(),
  appended: z.number().int().nonnegative(),
  verified: z.boolean(),
}) satisfies z.ZodType<ImportMark>;
