import type { Hash } from 'node:crypto';
import * as z from 'zod';
import type { StoredEvent } from '../application/ports.ts';
import type { KeyIds } from './log-keys.ts';
import type { Survey } from './log-survey.ts';
import { Refused } from './refused.ts';

/**
 * A log on its way: JSON Lines in UTF-8. The first line says what the file is, then comes one line for each event, those of a stream
 * together and oldest first, and the last line is the manifest. Without its last line a file is not whole.
 */
export const header = '{"format":"errand-log","version":1}';

const headerShape = z.object({ format: z.literal('errand-log'), version: z.number() });

export function checkHeader(line: string): void {
  const read = headerShape.safeParse(jsonOrNull(line));
  if (!read.success) throw new Refused('the file is no exported log: it does not begin as one');
  if (line !== header) throw new Refused(`the file has version ${read.data.version} of the format, this Errand reads version 1 only`);
}

const count = z.number().int().nonnegative();
const base64 = z.base64().transform((text): Uint8Array => Buffer.from(text, 'base64'));
const eventShape = z.strictObject({
  stream: z.string().min(1),
  version: z.number().int().positive(),
  type: z.string(),
  schemaVersion: count,
  occurredAt: z.number().int(),
  commitId: z.string().min(1),
  data: z.looseObject({}),
  facts: z.looseObject({}),
  body: base64.optional(),
});

/** Position and mark of import belong to the log it lies in, not to the event. */
export function encodeEvent({ stream, version, type, schemaVersion, occurredAt, commitId, data, facts, body }: StoredEvent): string {
  const bytes = body === undefined ? {} : { body: Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('base64') };
  return JSON.stringify({ stream, version, type, schemaVersion, occurredAt, commitId, data, facts, ...bytes });
}

/** An event as it lay in the log. Its data and facts are not looked into here. `line` counts from 1. */
export function decodeEvent(text: string, line: number): StoredEvent {
  const value = jsonOrNull(text);
  const read = eventShape.safeParse(value);
  if (!read.success) throw new Refused(`line ${line} of the file is no event: ${z.prettifyError(read.error)}`);
  const { body, data: _data, facts: _facts, ...rest } = read.data;
  // Not as the schema read them: it would leave out what it does not know.
  const { data, facts } = value as Pick<StoredEvent, 'data' | 'facts'>;
  return { ...rest, data, facts, ...(body === undefined ? {} : { body }) };
}

const digest = z.string().regex(/^[0-9a-f]{64}$/);
const keyIds = z.array(z.string());
const manifestShape = z.strictObject({
  exportedAt: z.number().int(),
  exportedFrom: z.enum(['server', 'aws']),
  /** Only in an archive: it holds streams that had ended before this time, and no others. */
  endedBefore: z.number().int().optional(),
  events: count,
  streams: count,
  bodies: count,
  eventsChecksum: digest,
  foldsChecksum: digest,
  keys: z.strictObject({ sealing: keyIds, token: keyIds, signing: keyIds }),
  /** SHA-256 of all bytes before this line, followed by this manifest without its hash. */
  sha256: digest,
});
export type Manifest = z.infer<typeof manifestShape>;

export type Exported = {
  readonly at: number;
  readonly from: Manifest['exportedFrom'];
  readonly endedBefore?: number | undefined;
  readonly keys: KeyIds;
};

/** `sha256` has seen all bytes before the manifest. */
export function manifestOf(survey: Survey, { at, from, endedBefore, keys }: Exported, sha256: Hash): Manifest {
  const { events, streams, bodies, eventsChecksum, foldsChecksum } = survey;
  const held = { sealing: [...keys.sealing], token: [...keys.token], signing: [...keys.signing] };
  const archive = endedBefore === undefined ? {} : { endedBefore };
  const said = { exportedAt: at, exportedFrom: from, ...archive, events, streams, bodies, eventsChecksum, foldsChecksum, keys: held };
  return { ...said, sha256: closed(sha256, said) };
}

function closed(sha256: Hash, said: Omit<Manifest, 'sha256'>): string {
  return sha256.update(JSON.stringify(said)).digest('hex');
}

/** Whether neither the bytes before the manifest, which `sha256` has seen, nor the manifest itself were changed. */
export function fitsHash({ sha256: written, ...said }: Manifest, sha256: Hash): boolean {
  return closed(sha256, said) === written;
}

export function encodeManifest(manifest: Manifest): string {
  return JSON.stringify({ manifest });
}

const manifestStart = '{"manifest":';

export function isManifest(line: string): boolean {
  return line.startsWith(manifestStart);
}

export function decodeManifest(line: string): Manifest {
  const read = z.strictObject({ manifest: manifestShape }).safeParse(jsonOrNull(line));
  if (!read.success) throw new Refused('the last line of the file is no manifest that this Errand reads');
  return read.data.manifest;
}

function jsonOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
