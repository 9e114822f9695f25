import * as z from 'zod';
import type { ParseResult } from '../../application/reading.ts';
import { failed } from './input/parse-result.ts';

/** Each list has cursors of its own: a place in one is none in another. */
const list = <Kind extends string>(kind: Kind) => z.strictObject({ kind: z.literal(kind), createdAt: z.number().int(), id: z.string() });
const cursors = {
  tasks: list('tasks'),
  schedules: list('schedules'),
  orchestrations: list('orchestrations'),
  history: z.strictObject({ kind: z.literal('history'), version: z.number().int().nonnegative() }),
} as const;
type Cursors = { readonly [Kind in keyof typeof cursors]: z.output<(typeof cursors)[Kind]> };

/** Where a page ended. Opaque to clients, so that what it holds may change. */
export function encodeCursor(cursor: Cursors[keyof Cursors]): string {
  return Buffer.from(JSON.stringify(cursor)).toString('base64url');
}

/** Reads a cursor that `encodeCursor` made for the same kind of list; anything else is refused. */
export function decodeCursor<Kind extends keyof Cursors>(text: string, kind: Kind): ParseResult<Cursors[Kind]> {
  const refused = failed<Cursors[Kind]>('cursor', 'is not one that this list has answered');
  let value: unknown;
  try {
    const bytes = Buffer.from(text, 'base64url');
    // Node skips what is not base64url; only what comes back the same was answered by us.
    if (bytes.toString('base64url') !== text) return refused;
    value = JSON.parse(bytes.toString('utf8'));
  } catch {
    return refused;
  }
  const parsed = cursors[kind].safeParse(value);
  return parsed.success ? { ok: true, value: parsed.data as Cursors[Kind] } : refused;
}
