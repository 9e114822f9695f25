import { execFileSync } from 'node:child_process';
import { copyFileSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type * as events from 'errand/events';
import { describe, expect, test } from 'vitest';
import type * as z from 'zod';
import { eventFiles } from '../../scripts/event-files.ts';
import type { orchestrationEventData } from '../../src/application/event-details/orchestration.ts';
import type { scheduleEventData } from '../../src/application/event-details/schedule.ts';
import type { taskEventData } from '../../src/application/event-details/task.ts';
import { eventDetails } from '../../src/application/event-details.ts';
import { renderDetail } from '../../src/application/render-event.ts';
import { recordedStreams, storedAlong } from '../support/stored-streams.ts';
import { told } from './subscriber.ts';

const made = eventFiles();

describe('the files for subscribers', () => {
  test('are those that the code makes now (npm run schemas), and no others', () => {
    const kept = globSync('schemas/**/*.{json,ts}');
    expect([...kept].sort()).toEqual([...made.keys()].sort());
    for (const [path, text] of made) expect(readFileSync(path, 'utf8'), path).toBe(text);
  });

  test('describe every type of event', () => {
    const types = new Set(eventDetails.map(({ type }) => type));
    expect([...made.keys()].filter((path) => path.endsWith('.json'))).toHaveLength(types.size);
  });
});

/** A type as zod gives it, without the undefined that JSON cannot say. */
type Said<Value> = Value extends readonly (infer Item)[]
  ? Said<Item>[]
  : Value extends object
    ? { [Key in keyof Value]: Said<Exclude<Value[Key], undefined>> }
    : Value;
/** What the types for subscribers say of the data of each event of a kind, by its type. */
type Printed<Event extends { readonly type: string; readonly data: unknown }> = {
  [Type in Event['type']]: Extract<Event, { readonly type: Type }>['data'];
};
type Made<Data extends Readonly<Record<string, z.ZodType>>> = { [Type in keyof Data]: Said<z.output<Data[Type]>> };
type Same<One, Other> = [One] extends [Other] ? ([Other] extends [One] ? true : false) : false;

describe('the types for subscribers', () => {
  test('say what the schemas say', () => {
    // What counts here is that this compiles.
    const same: [
      Same<Printed<events.TaskEvent>, Made<typeof taskEventData>>,
      Same<Printed<events.ScheduleEvent>, Made<typeof scheduleEventData>>,
      Same<Printed<events.OrchestrationEvent>, Made<typeof orchestrationEventData>>,
    ] = [true, true, true];
    expect(same).toEqual([true, true, true]);
  });

  test.each(recordedStreams)('let a subscriber tell $name by one exhaustive switch', ({ events: history }) => {
    for (const { stored } of storedAlong(history)) {
      const sentence = told(renderDetail(stored) as events.ErrandEvent);
      expect(sentence.startsWith(`${stored.stream.slice(stored.stream.indexOf('#') + 1)} `)).toBe(true);
      expect(sentence).not.toContain('undefined');
    }
  });

  test('compile where a subscriber has copied them, and name the event that a switch has forgotten', () => {
    const folder = mkdtempSync(join(tmpdir(), 'errand-subscriber-'));
    try {
      copyFileSync('schemas/events.d.ts', join(folder, 'events.d.ts'));
      const source = readFileSync(new URL('subscriber.ts', import.meta.url), 'utf8').replace('errand/events', './events.d.ts');
      expect(source).toContain("'./events.d.ts'");
      writeFileSync(join(folder, 'whole.ts'), source);
      const forgetful = source.replace(/ {4}case 'OccurrenceBuffered':\n.*\n/, '');
      writeFileSync(join(folder, 'forgetful.ts'), forgetful);
      expect(compiled(folder, 'whole.ts')).toBe('');
      expect(compiled(folder, 'forgetful.ts')).toContain("'OccurrenceBuffered' does not satisfy the expected type 'never'");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

/** What the compiler has against a file, with a stranger's settings; the declarations it imports are checked too. */
function compiled(folder: string, file: string): string {
  const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc');
  const settings = ['--noEmit', '--strict', '--target', 'es2022', '--module', 'nodenext', '--types', '', '--allowImportingTsExtensions'];
  try {
    execFileSync(process.execPath, [tsc, ...settings, file], { cwd: folder, encoding: 'utf8', stdio: 'pipe' });
    return '';
  } catch (error) {
    return String((error as { readonly stdout?: string }).stdout);
  }
}
