import type { Resource, Template } from '../aws-host/stack/intrinsics.ts';

/** A step into a template: the name of a member or the place in a list. */
export type Step = string | number;

/** What lies at the end of these steps; undefined if there is no such place. */
export function at(value: unknown, ...steps: readonly Step[]): unknown {
  return steps.reduce<unknown>((inner, step) => (inner as Record<Step, unknown> | null | undefined)?.[step], value);
}

export function listAt(value: unknown, ...steps: readonly Step[]): readonly unknown[] {
  const found = at(value, ...steps);
  if (found === undefined || found === null) return [];
  return Array.isArray(found) ? found : [found];
}

/** A copy of the template in which one place holds something else; undefined removes it. */
export function damaged(template: Template, steps: readonly Step[], value: unknown): Template {
  const copy = structuredClone(template);
  const parent = at(copy, ...steps.slice(0, -1)) as Record<Step, unknown> | undefined;
  const last = steps.at(-1);
  if (parent === undefined || last === undefined) throw new Error(`there is nothing at ${steps.slice(0, -1).join('.')} to damage`);
  if (value !== undefined) parent[last] = value;
  else if (Array.isArray(parent)) parent.splice(Number(last), 1);
  else delete parent[last];
  return copy;
}

/** The resources of a type, by their logical ids. */
export function resourcesOf(template: Template, type: string): readonly (readonly [string, Resource])[] {
  return Object.entries(template.Resources).filter(([, resource]) => resource.Type === type);
}

/** The logical id that a `Ref` or `Fn::GetAtt` names; null for anything else. */
export function referred(value: unknown): string | null {
  const target = at(value, 'Ref') ?? at(value, 'Fn::GetAtt', 0);
  return typeof target === 'string' ? target : null;
}

export type Mapping = { readonly id: string; readonly source: unknown; readonly functionId: string; readonly properties: unknown };

/** Every event source mapping, with the function it invokes. */
export function mappingsOf(template: Template): readonly Mapping[] {
  return resourcesOf(template, 'AWS::Lambda::EventSourceMapping').map(([id, { Properties }]) => ({
    id,
    source: at(Properties, 'EventSourceArn'),
    functionId: referred(at(Properties, 'FunctionName')) ?? '',
    properties: Properties,
  }));
}

export type Statement = {
  readonly sid: string;
  readonly effect: string;
  readonly actions: readonly string[];
  readonly resources: readonly unknown[];
  readonly condition: unknown;
};

function statementsIn(document: unknown): readonly Statement[] {
  return listAt(document, 'Statement').map((statement) => ({
    sid: String(at(statement, 'Sid')),
    effect: String(at(statement, 'Effect')),
    actions: listAt(statement, 'Action').map(String),
    resources: listAt(statement, 'Resource'),
    condition: at(statement, 'Condition'),
  }));
}

/** What a role may do. */
export function statementsOfRole(template: Template, roleId: string): readonly Statement[] {
  return listAt(template.Resources[roleId], 'Properties', 'Policies').flatMap((policy) => statementsIn(at(policy, 'PolicyDocument')));
}

/** What the policies of a resource type say, with the resources they stand before. */
export function resourcePolicies(template: Template, type: string, target: string) {
  return resourcesOf(template, type).map(([id, { Properties }]) => ({
    id,
    targets: listAt(Properties, target).map(referred),
    statements: statementsIn(at(Properties, 'PolicyDocument')),
  }));
}

export function roleOf(template: Template, functionId: string): string {
  return referred(at(template.Resources[functionId], 'Properties', 'Role')) ?? '';
}

/** Whether a role allows an action on a resource of the template, named by its ARN. */
export function allows(template: Template, roleId: string, action: string, resource: unknown): boolean {
  const wanted = JSON.stringify(resource);
  return statementsOfRole(template, roleId).some(
    ({ effect, actions, resources }) =>
      effect === 'Allow' && actions.includes(action) && resources.some((granted) => JSON.stringify(granted) === wanted),
  );
}

export const arnOf = (logicalId: string) => ({ 'Fn::GetAtt': [logicalId, 'Arn'] });
