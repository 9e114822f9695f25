import * as z from 'zod';
import { type EventDetail, eventDetails } from '../src/application/event-details.ts';
import { asWritten, type JsonSchema, typeOf } from './json-schema-types.ts';

const folder = 'schemas/events';
const typesFile = 'schemas/events.d.ts';
const kindNames = { task: 'Task', schedule: 'Schedule', orchestration: 'Orchestration' } as const;

/** What zod says of every object and every whole number, and what must not bind a consumer: a field more is no fault. */
function tolerant(schema: JsonSchema): void {
  if (schema.additionalProperties === false) delete schema.additionalProperties;
  if (schema.maximum === Number.MAX_SAFE_INTEGER) delete schema.maximum;
  if (schema.minimum === Number.MIN_SAFE_INTEGER) delete schema.minimum;
  delete schema.propertyNames;
}

function schemaOf(schema: z.ZodType): JsonSchema {
  return z.toJSONSchema(schema, { override: ({ jsonSchema }) => tolerant(jsonSchema as JsonSchema) }) as JsonSchema;
}

/** Every type of event with the forms it has: more than one where streams of several kinds have events of that type. */
function formsByType(): ReadonlyMap<string, typeof eventDetails> {
  return Map.groupBy(eventDetails, ({ type }) => type);
}

function schemaFile(type: string, forms: typeof eventDetails): string {
  const [only, ...others] = forms.map(({ schema }) => schema);
  if (only === undefined) throw new Error(`${type} has no form`);
  const { $schema, ...schema } = schemaOf(others.length === 0 ? only : z.union([only, ...others]));
  return `${JSON.stringify({ $schema, title: type, ...schema }, null, 2)}\n`;
}

/** The schema of a detail with its type and its data left open: the same for all events of a kind of stream. */
function frameOf({ properties = {}, ...detail }: JsonSchema): JsonSchema {
  return { ...detail, properties: { ...properties, type: { $ref: '#/$defs/Type' }, data: { $ref: '#/$defs/Data' } } };
}

/** The name of a type is that of its event, after that of the kind of stream where several kinds have such events. */
function nameOf({ kind, type }: EventDetail): string {
  return (formsByType().get(type)?.length ?? 0) > 1 ? `${kindNames[kind]}${type}` : type;
}

function typesText(): string {
  const named = new Map<string, JsonSchema>();
  const kinds = Object.entries(kindNames).flatMap(([kind, kindName]) => {
    const events = eventDetails.filter((event) => event.kind === kind).map((event) => ({ ...event, json: schemaOf(event.schema) }));
    for (const { json } of events) for (const [name, definition] of Object.entries(json.$defs ?? {})) named.set(name, definition);
    const detail = `${kindName}Detail`;
    return [
      `export type ${detail}<Type extends string, Data> = ${typeOf(frameOf(events[0]?.json ?? {}))};\n`,
      ...events.map(
        (event) => `export type ${nameOf(event)} = ${detail}<'${event.type}', ${typeOf(event.json.properties?.['data'] ?? {})}>;\n`,
      ),
      `export type ${kindName}Event =${events.map((event) => `\n  | ${nameOf(event)}`).join('')};\n`,
    ];
  });
  const aliases = [...named].map(([name, schema]) => asWritten(name, schema));
  const all = Object.values(kindNames).map((name) => `${name}Event`);
  return [header, ...aliases, ...kinds, `export type ErrandEvent = ${all.join(' | ')};\n`].join('\n');
}

const header = `// Made by \`npm run schemas\` from src/application/event-details.ts.
// The events of Errand as subscribers get them: the \`detail\` of an entry of the bus, the \`data\` of a server-sent event.
// Fields and types of events are added, never taken away and never given another meaning: have a default for a type that you do not know.
`;

/** The files for subscribers, by their paths: a JSON Schema for each type of event, and the TypeScript types of all. */
export function eventFiles(): ReadonlyMap<string, string> {
  const files = new Map([[typesFile, typesText()]]);
  for (const [type, forms] of formsByType()) files.set(`${folder}/${type}.json`, schemaFile(type, forms));
  return files;
}
