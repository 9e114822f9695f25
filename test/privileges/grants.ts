import type { Call } from '../aws-host/lambda/calls.ts';
import { identifyWith } from '../aws-host/stack/identities.ts';
import { createResolver, type Template } from '../aws-host/stack/intrinsics.ts';
import { arnOf, at, mappingsOf, resourcesOf, roleOf, statementsOfRole } from '../template/template.ts';

/** One action on one resource that the role of a function allows. `sid` is the statement that does. */
export type Grant = Call & { readonly function: string; readonly role: string; readonly sid: string };
/** What a function asked of AWS, as the harness records it. */
export type RecordedCall = Call & { readonly function: string };

/** What AWS itself uses under the role of a function: resources by their ARN. */
export type Surroundings = {
  readonly logGroup: string;
  /** Where its mappings poll, and where they leave what they give up on. */
  readonly sources: readonly string[];
  readonly destinations: readonly string[];
};

export type Privileges = {
  readonly grants: readonly Grant[];
  readonly surroundings: ReadonlyMap<string, Surroundings>;
};

/**
 * Every grant of every function's role, worked out to ARNs as the harness works them out. Throws on what this does not know how to
 * judge, such as conditions: a policy read wrongly would prove nothing.
 */
export function readPrivileges(template: Template): Privileges {
  const resolve = createResolver(
    template,
    identifyWith((queueName) => `local/${queueName}`),
  );
  const text = (value: unknown): string => String(resolve(value));
  const functions = resourcesOf(template, 'AWS::Lambda::Function').map(([id]) => ({
    id,
    name: text({ Ref: id }),
    role: roleOf(template, id),
  }));
  const grants = functions.flatMap(({ name, role }) =>
    statementsOfRole(template, role).flatMap(({ sid, effect, actions, resources, condition }) => {
      const isKnown = effect === 'Allow' && condition === undefined && actions.length > 0 && resources.length > 0;
      if (!isKnown) throw new Error(`statement ${sid} of ${role} cannot be judged`);
      const named = resources.map(text);
      return actions.flatMap((action) => named.map((resource) => ({ function: name, role, sid, action, resource })));
    }),
  );
  const surroundings = functions.map(({ id, name }) => {
    const mappings = mappingsOf(template).filter(({ functionId }) => functionId === id);
    const destinations = mappings.map(({ properties }) => at(properties, 'DestinationConfig', 'OnFailure', 'Destination'));
    return [
      name,
      {
        logGroup: text(arnOf(id.replace('LambdaFunction', 'LogGroup'))),
        sources: mappings.map(({ source }) => text(source)),
        destinations: destinations.filter((each) => each !== undefined).map(text),
      },
    ] as const;
  });
  return { grants, surroundings: new Map(surroundings) };
}

/** Whether a grant is for exactly this. IAM would let stars stand for others: here they cover nothing, and show up as unused. */
export function covers(grant: Grant, call: RecordedCall): boolean {
  return grant.function === call.function && grant.action === call.action && grant.resource === call.resource;
}

/** The calls that no grant covers, in words, each once. */
export function refusedCalls({ grants }: Privileges, calls: readonly RecordedCall[]): readonly string[] {
  const refused = calls.filter((call) => !grants.some((grant) => covers(grant, call)));
  return [...new Set(refused.map((call) => `${call.function} may not ${call.action} on ${call.resource}`))].sort();
}
