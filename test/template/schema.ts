import { loadAwsServiceSpecSync } from '@aws-cdk/aws-service-spec';
import type { Template } from '../aws-host/stack/intrinsics.ts';

type SpecDatabase = ReturnType<typeof loadAwsServiceSpecSync>;
type ResourceProperties = Extract<ReturnType<typeof resourceSpecification>, object>['properties'];
type PropertyType = ResourceProperties[string]['type'];

let specification: SpecDatabase | undefined;

/** AWS's own schema of every resource type, as the npm package carries it: offline, and loaded once. */
function database(): SpecDatabase {
  specification ??= loadAwsServiceSpecSync();
  return specification;
}

/** The schema of a resource type; undefined if AWS has none of that name. */
export function resourceSpecification(type: string) {
  return database().lookup('resource', 'cloudFormationType', 'equals', type)[0];
}

/** What a resource may have besides its type and properties (CloudFormation user guide, "Resource attribute reference"). */
const attributes = new Set([
  'Type',
  'Properties',
  'Condition',
  'CreationPolicy',
  'DeletionPolicy',
  'DependsOn',
  'Metadata',
  'UpdatePolicy',
  'UpdateReplacePolicy',
]);

/** Everything in the resources that CloudFormation would refuse by its schema: unknown types and properties, missing ones, wrong types. */
export function schemaFaults(template: Template): readonly string[] {
  return Object.entries(template.Resources).flatMap(([id, resource]) => {
    const known = resourceSpecification(resource.Type);
    if (known === undefined) return [`${id}: there is no type ${resource.Type}`];
    const stray = Object.keys(resource).filter((name) => !attributes.has(name));
    return [...stray.map((name) => `${id}: a resource has no ${name}`), ...objectFaults(known.properties, resource.Properties ?? {}, id)];
  });
}

function objectFaults(properties: ResourceProperties, value: unknown, path: string): readonly string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [`${path}: must be an object`];
  const missing = Object.entries(properties).filter(([name, { required }]) => required === true && !Object.hasOwn(value, name));
  return [
    ...missing.map(([name]) => `${path}.${name}: is missing`),
    ...Object.entries(value).flatMap(([name, inner]) => {
      const property = properties[name];
      if (property === undefined) return [`${path}.${name}: is unknown`];
      return typeFaults([property.type, ...(property.previousTypes ?? [])], inner, `${path}.${name}`);
    }),
  ];
}

/** No fault if the value is of one of the types: the newest, or one that CloudFormation has taken before and still takes. */
function typeFaults(types: readonly PropertyType[], value: unknown, path: string): readonly string[] {
  const branches = intrinsicBranches(value);
  if (branches !== null) return branches.flatMap((branch) => typeFaults(types, branch, path));
  const faults = types.map((type) => faultsOfType(type, value, path));
  return faults.some((found) => found.length === 0) ? [] : (faults[0] ?? []);
}

/** What stands in a template for a value known at deployment: not to be checked, but for both branches of a condition. */
function intrinsicBranches(value: unknown): readonly unknown[] | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  const [[name, operand] = ['', undefined], ...others] = Object.entries(value);
  if (others.length > 0) return null;
  if (name === 'Fn::If' && Array.isArray(operand)) return operand.slice(1);
  return name === 'Ref' || name.startsWith('Fn::') ? [] : null;
}

/** CloudFormation reads it as a number, as it does its own parameters: all of them reach it as text. */
function isNumberAsText(value: unknown): boolean {
  return typeof value === 'string' && /^\d+$/.test(value);
}

function faultsOfType(type: PropertyType, value: unknown, path: string): readonly string[] {
  switch (type.type) {
    case 'string':
    case 'date-time': {
      if (typeof value !== 'string') return [`${path}: must be text`];
      const allowed = type.type === 'string' ? type.allowedValues : undefined;
      return allowed === undefined || allowed.includes(value) ? [] : [`${path}: must be one of ${allowed.join(', ')}, not ${value}`];
    }
    case 'number':
      return typeof value === 'number' || isNumberAsText(value) ? [] : [`${path}: must be a number`];
    case 'integer':
      return Number.isInteger(value) || isNumberAsText(value) ? [] : [`${path}: must be a whole number`];
    case 'boolean':
      return typeof value === 'boolean' ? [] : [`${path}: must be true or false`];
    case 'array':
      if (!Array.isArray(value)) return [`${path}: must be a list`];
      return value.flatMap((item, index) => typeFaults([type.element], item, `${path}.${index}`));
    case 'map':
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return [`${path}: must be an object`];
      return Object.entries(value).flatMap(([name, item]) => typeFaults([type.element], item, `${path}.${name}`));
    case 'ref':
      return objectFaults(database().get('typeDefinition', type.reference).properties, value, path);
    case 'union':
      return typeFaults(type.types, value, path);
    case 'null':
      return value === null ? [] : [`${path}: must be null`];
    case 'json':
    case 'tag':
      return typeof value === 'object' && value !== null ? [] : [`${path}: must be an object`];
    default:
      return type satisfies never;
  }
}
