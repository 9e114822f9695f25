import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { exportLog } from '../../src/operator/export-log.ts';
import { importLog } from '../../src/operator/import-log.ts';
import { verifyLogFile } from '../../src/operator/log-file-reader.ts';
import { Refused } from '../../src/operator/refused.ts';
import { httpAction } from '../domain/task-histories.ts';
import { start, succeed } from '../support/histories.ts';
import { created, storedEvents } from '../support/stored-events.ts';
import { at, emptyPlace, eventsAt, placeWith, temporaryFolder } from './places.ts';

const silent = (): void => undefined;

/** An exported log of two finished tasks, one with a large body. */
let original: Buffer;
let folder: string;
beforeAll(async () => {
  folder = temporaryFolder();
  const large = created('task#a', { action: { ...httpAction, body: { kind: 'json', bytes: 9 * 1_024 } }, labels: { name: 'Ω\u2028' } });
  const events = [large, created('task#b')].flatMap((history) => storedEvents(succeed(start(history))));
  const file = join(folder, 'original.jsonl');
  await at(await placeWith('server', events), (host) => exportLog(host, file, silent));
  original = readFileSync(file);
});

let written = 0;
function fileWith(content: Uint8Array | string): string {
  written += 1;
  const file = join(folder, `changed-${written}.jsonl`);
  writeFileSync(file, content);
  return file;
}

/** The first bit of every byte of the manifest: no other hash covers it. */
function manifestBits(): [number, number][] {
  const from = original.lastIndexOf('{"manifest"');
  return Array.from({ length: original.length - from }, (_unused, index) => [from + index, 0]);
}

const verify = (content: Uint8Array | string) => verifyLogFile(fileWith(content), silent);

/** The file with its lines changed by hand. */
function rewritten(change: (lines: string[]) => string[]): string {
  return `${change(original.toString('utf8').trimEnd().split('\n')).join('\n')}\n`;
}

describe('an exported file', () => {
  test('is taken as it was written', async () => {
    const { survey, manifest } = await verify(original);

    expect(manifest).toMatchObject({ events: 6, streams: 2, exportedFrom: 'server' });
    expect(survey.foldsChecksum).toBe(manifest.foldsChecksum);
  });

  test('is one line for each event between a first line that names the format and a manifest with the ids of keys', () => {
    const lines = original.toString('utf8').split('\n');

    expect(lines[0]).toBe('{"format":"errand-log","version":1}');
    expect(lines.slice(1, 7).map((line) => `${JSON.parse(line).stream}@${JSON.parse(line).version}`)).toEqual([
      'task#a@1',
      'task#a@2',
      'task#a@3',
      'task#b@1',
      'task#b@2',
      'task#b@3',
    ]);
    const { manifest } = JSON.parse(lines[7] ?? '');
    expect(manifest.keys).toMatchObject({ token: [expect.stringMatching(/^[0-9a-f]{8}$/)], signing: [expect.any(String)] });
    expect(lines.slice(8)).toEqual(['']);
  });

  test('holds no key', () => {
    const text = original.toString('latin1');
    for (const byte of [1, 2, 3]) {
      for (const form of ['base64', 'hex', 'base64url'] as const) expect(text).not.toContain(Buffer.alloc(32, byte).toString(form));
    }
  });
});

describe('a changed file', () => {
  test('is refused, whichever bit of it was changed', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(original.length - 1), fc.nat(7), async (index, bit) => {
        const changed = Buffer.from(original);
        changed[index] = (changed[index] ?? 0) ^ (1 << bit);

        await expect(verify(changed)).rejects.toThrow(Refused);
      }),
      { numRuns: 300, examples: manifestBits() },
    );
  });

  test('is refused, wherever it was cut', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(original.length - 1), async (length) => {
        await expect(verify(original.subarray(0, length))).rejects.toThrow(Refused);
      }),
      { numRuns: 100, examples: [[0], [original.length - 1], [original.lastIndexOf('{"manifest"')]] },
    );
  });

  test.each([
    ['nothing', () => '', /not whole: its last line, the manifest, is missing/],
    ['another file', () => '{"hello":"world"}\n', /is no exported log/],
    [
      'a later format',
      () => rewritten((lines) => ['{"format":"errand-log","version":2}', ...lines.slice(1)]),
      /has version 2 of the format/,
    ],
    ['a missing manifest', () => rewritten((lines) => lines.slice(0, -1)), /its last line, the manifest, is missing/],
    ['a missing event', () => rewritten((lines) => lines.toSpliced(6, 1)), /its bytes do not fit the hash/],
    ['a missing event in the middle', () => rewritten((lines) => lines.toSpliced(2, 1)), /the log has a gap/],
    ['a doubled stream', () => rewritten((lines) => lines.toSpliced(4, 0, ...lines.slice(1, 4))), /version 1 after 3: the log has a gap/],
    ['events behind the manifest', () => rewritten((lines) => [...lines, ...lines.slice(4, 7)]), /goes on after its manifest/],
    ['a line that is no event', () => rewritten((lines) => lines.with(3, '{"stream":"task#a"}')), /line 4 of the file is no event/],
    ['a line without an end', () => original.subarray(0, -1), /line 8 has no end/],
    [
      'a manifest with other keys',
      () => rewritten((lines) => lines.with(7, (lines[7] ?? '').replace(/"streams":2/, '"streams":3'))),
      /do not fit the hash/,
    ],
    [
      'a manifest written anew',
      () => rewritten((lines) => lines.with(7, (lines[7] ?? '').replace('{"manifest":{', '{"manifest":{ '))),
      /manifest of the file was changed/,
    ],
  ])('is refused with what is wrong: %s', async (_what, content, said) => {
    await expect(verify(content())).rejects.toThrow(said);
  });

  test('is refused before anything of it is imported', async () => {
    const file = fileWith(original);
    appendFileSync(file, 'x');
    const place = await emptyPlace('server');

    await expect(at(place, (host) => importLog(host, file, { withoutKeys: [], tell: silent }))).rejects.toThrow(Refused);

    expect(await eventsAt(place)).toEqual([]);
  });

  test('is refused when it is not there', async () => {
    await expect(verifyLogFile(join(folder, 'nowhere.jsonl'), silent)).rejects.toThrow(/ENOENT.*nowhere/);
  });
});
