import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseStoredEvent, streamEvent } from '../../src/application/event-schemas.ts';
import { readDefinition, writeDefinition } from '../../src/application/orchestration-definition.ts';
import { type StoredEvent, UnreadableEvent } from '../../src/application/ports.ts';
import { factsOfStream, foldStream, type StreamState } from '../../src/domain/streams.ts';
import { check, definitionWith, fromPrevious, step, stepTemplate, withCallback } from '../domain/orchestration/histories.ts';

const folder = new URL('../fixtures/streams/', import.meta.url);
const fixtures = readdirSync(folder).map((name) => ({ name, ...JSON.parse(readFileSync(new URL(name, folder), 'utf8')) }));

/** The events of a fixture as they lie in a log, with the facts after each. */
function stored(events: readonly Omit<StoredEvent, 'facts'>[]): readonly StoredEvent[] {
  let state: StreamState | null = null;
  return events.map((event) => {
    const bare = event as StoredEvent;
    state = foldStream(bare.stream, state, [streamEvent(bare)]);
    return { ...bare, facts: factsOfStream(bare.stream, state) };
  });
}

const [created] = stored(fixtures.find(({ name }) => name === 'schedule-plain.json').events) as [StoredEvent];

describe('what is stored', () => {
  it.each(fixtures)('reads as it was written: $name', ({ events }) => {
    for (const event of stored(events)) expect(parseStoredEvent(event)).toStrictEqual(event);
  });

  it('is refused in a stream of another kind, and in one of no kind', () => {
    for (const stream of ['task#x', 'orchestration#x', 'x', 'schedule', '']) {
      expect(() => parseStoredEvent({ ...created, stream })).toThrow(UnreadableEvent);
    }
  });

  it('is refused when a part of it is missing or of another type', () => {
    for (const name of Object.keys(created.data)) {
      const { [name]: _left, ...rest } = created.data as Record<string, unknown>;
      expect(() => parseStoredEvent({ ...created, data: rest })).toThrow(/does not read/);
    }
    expect(() => parseStoredEvent({ ...created, facts: { ...created.facts, status: 'sleeping' as never } })).toThrow(/facts/);
  });
});

describe('a definition kept beside an event', () => {
  const bodies = new TextEncoder().encode('{"a":1}\n{"b":2}');
  const steps = [
    step({ name: 'first', check: null, fallback: null }),
    { ...fromPrevious, check: check(), fallback: { ...stepTemplate, bodyAt: 8 } },
  ];
  const definition = definitionWith({ steps, check: check({ retries: 3 }), fallback: stepTemplate, ...withCallback });

  it('is read as it was written, line breaks in its bodies included', () => {
    const read = readDefinition(writeDefinition({ definition, bodies }));
    expect(read.definition).toStrictEqual(definition);
    expect(new TextDecoder().decode(read.bodies)).toBe('{"a":1}\n{"b":2}');
  });

  it('throws when it is something else', () => {
    for (const text of ['', '{}', '{}\n', 'null\n', '[1\n]']) expect(() => readDefinition(new TextEncoder().encode(text))).toThrow();
  });
});
