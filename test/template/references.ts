import type { Template } from '../aws-host/stack/intrinsics.ts';
import { resourceSpecification } from './schema.ts';
import { at, listAt } from './template.ts';

/** Every `Ref`, `Fn::GetAtt`, `Fn::Sub`, `Condition` and `DependsOn` that names something the template does not have. */
export function brokenReferences(template: Template): readonly string[] {
  const faults: string[] = [];
  const conditions = new Set(Object.keys(template.Conditions ?? {}));

  function ref(name: string, path: string): void {
    if (name.startsWith('AWS::') || Object.hasOwn(template.Resources, name) || Object.hasOwn(template.Parameters ?? {}, name)) return;
    faults.push(`${path}: there is no ${name}`);
  }
  function attribute(logicalId: string, name: string, path: string): void {
    const resource = template.Resources[logicalId];
    if (resource === undefined) faults.push(`${path}: there is no ${logicalId}`);
    else if (!Object.hasOwn(resourceSpecification(resource.Type)?.attributes ?? {}, name))
      faults.push(`${path}: ${resource.Type} has no attribute ${name}`);
  }
  function substitution(operand: unknown, path: string): void {
    const [text, variables] = Array.isArray(operand) ? [String(operand[0]), operand[1] ?? {}] : [String(operand), {}];
    for (const [, name = ''] of text.matchAll(/\$\{([^!}][^}]*)\}/g)) {
      if (Object.hasOwn(variables, name)) continue;
      const dot = name.indexOf('.');
      if (dot === -1) ref(name, path);
      else attribute(name.slice(0, dot), name.slice(dot + 1), path);
    }
    walk(variables, path);
  }
  function condition(name: unknown, path: string): void {
    if (!conditions.has(String(name))) faults.push(`${path}: there is no condition ${String(name)}`);
  }
  function walk(value: unknown, path: string): void {
    if (typeof value !== 'object' || value === null) return;
    const entries = Object.entries(value);
    const [name, operand] = entries[0] ?? [];
    const called = entries.length === 1 && !Array.isArray(value) ? name : undefined;
    if (called === 'Ref') ref(String(operand), path);
    else if (called === 'Fn::GetAtt') {
      const [logicalId = '', ...rest] = typeof operand === 'string' ? operand.split('.') : listAt(operand).map(String);
      attribute(logicalId, rest.join('.'), path);
    } else if (called === 'Fn::Sub') substitution(operand, path);
    else if (called === 'Condition' && typeof operand === 'string') condition(operand, path);
    else {
      if (called === 'Fn::If') condition(at(operand, 0), path);
      for (const [key, item] of entries) walk(item, `${path}.${key}`);
    }
  }

  for (const [id, resource] of Object.entries(template.Resources)) {
    if (resource.Condition !== undefined) condition(resource.Condition, id);
    for (const name of listAt(resource, 'DependsOn')) ref(String(name), `${id}.DependsOn`);
    walk(resource.Properties, id);
  }
  walk(template.Conditions, 'Conditions');
  walk(at(template, 'Outputs'), 'Outputs');
  return faults;
}
