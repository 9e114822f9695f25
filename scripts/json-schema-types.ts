/** As much of JSON Schema as zod writes for events. */
export type JsonSchema = {
  $schema?: string;
  $defs?: Readonly<Record<string, JsonSchema>>;
  $ref?: string;
  description?: string;
  type?: string | readonly string[];
  const?: unknown;
  enum?: readonly unknown[];
  anyOf?: readonly JsonSchema[];
  properties?: Readonly<Record<string, JsonSchema>>;
  required?: readonly string[];
  additionalProperties?: JsonSchema | boolean;
  propertyNames?: JsonSchema;
  items?: JsonSchema;
  minimum?: number;
  maximum?: number;
};

/** The TypeScript type of what a schema describes. Throws for what it does not know, rather than to call it unknown. */
export function typeOf(schema: JsonSchema, indent = ''): string {
  if (schema.$ref !== undefined) return schema.$ref.replace('#/$defs/', '');
  if (schema.const !== undefined) return literal(schema.const);
  if (schema.enum !== undefined) return schema.enum.map(literal).join(' | ');
  if (schema.anyOf !== undefined) return schema.anyOf.map((member) => memberOf(member, schema, indent)).join(' | ');
  if (Array.isArray(schema.type)) return schema.type.map((type) => typeOf({ ...schema, type }, indent)).join(' | ');
  switch (schema.type) {
    case 'string':
    case 'boolean':
    case 'null':
      return schema.type;
    case 'integer':
    case 'number':
      return 'number';
    case 'array':
      return `(${typeOf(schema.items ?? {}, indent)})[]`.replace(/^\((\w+)\)/, '$1');
    case 'object':
      return objectType(schema, indent);
    case undefined:
      return 'unknown';
    default:
      throw new Error(`no type for ${JSON.stringify(schema)}`);
  }
}

/** An exported type of that name, with the schema's description. */
export function asWritten(name: string, schema: JsonSchema): string {
  return `${comment(schema, '')}export type ${name} = ${typeOf(schema)};\n`;
}

const literal = (value: unknown): string => (typeof value === 'string' ? `'${value}'` : String(value));

/** Beside known texts any other text is written so that editors still offer the known ones. */
function memberOf(member: JsonSchema, { anyOf = [] }: JsonSchema, indent: string): string {
  const isAnyText = member.type === 'string' && member.enum === undefined && member.const === undefined;
  return isAnyText && anyOf.some((other) => other.enum !== undefined) ? '(string & {})' : typeOf(member, indent);
}

function objectType({ properties, required = [], additionalProperties }: JsonSchema, indent: string): string {
  if (properties === undefined || Object.keys(properties).length === 0) {
    const value = typeof additionalProperties === 'object' ? typeOf(additionalProperties, indent) : 'never';
    return `Record<string, ${value}>`;
  }
  const inner = `${indent}  `;
  const lines = Object.entries(properties).map(
    ([name, schema]) => `${comment(schema, inner)}${inner}${name}${required.includes(name) ? '' : '?'}: ${typeOf(schema, inner)};`,
  );
  return `{\n${lines.join('\n')}\n${indent}}`;
}

function comment({ description }: JsonSchema, indent: string): string {
  return description === undefined ? '' : `${indent}/** ${description} */\n`;
}
