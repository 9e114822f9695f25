import { describe, expect, test } from 'vitest';
import { packagedTemplate } from '../aws-host/package-template.ts';
import type { Template } from '../aws-host/stack/intrinsics.ts';
import {
  allows,
  arnOf,
  at,
  damaged,
  listAt,
  referred,
  resourcePolicies,
  resourcesOf,
  roleOf,
  type Statement,
  statementsOfRole,
} from './template.ts';

const template = await packagedTemplate();
const functions = resourcesOf(template, 'AWS::Lambda::Function').map(([id]) => id);
const tables = ['EventsTable', 'BodiesTable'];

/** Objects have no name before a mapping writes them: below a prefix of their own (S3 as a destination of Lambda). */
const mayEndInStar = new Set([JSON.stringify({ 'Fn::Sub': '${GivenUpRecords.Arn}/aws/lambda/*' })]);

function starsIn(id: string, { sid, effect, actions, resources }: Statement): readonly string[] {
  if (effect === 'Deny') return [];
  return [
    ...(resources.length === 0 ? [`${id} ${sid}: no resource`] : []),
    ...[...actions, ...resources.filter((resource) => !mayEndInStar.has(JSON.stringify(resource)))]
      .filter((part) => JSON.stringify(part).includes('*'))
      .map((part) => `${id} ${sid}: ${JSON.stringify(part)}`),
  ];
}

/** Every action or resource of a role that is not one thing by its name. */
function wildcards(of: Template): readonly string[] {
  const roles = resourcesOf(of, 'AWS::IAM::Role').flatMap(([id]) =>
    statementsOfRole(of, id).flatMap((statement) => starsIn(id, statement)),
  );
  const queues = resourcePolicies(of, 'AWS::SQS::QueuePolicy', 'Queues').flatMap(({ id, statements }) =>
    statements.flatMap((each) => starsIn(id, each)),
  );
  return [...roles, ...queues];
}

/** What any role may do to the log besides appending to it and reading it. */
function beyondAppending(of: Template): readonly string[] {
  const granted = (table: string) => `"${table}"`;
  return resourcesOf(of, 'AWS::IAM::Role').flatMap(([id]) =>
    statementsOfRole(of, id)
      .filter(({ resources }) => tables.some((table) => JSON.stringify(resources).includes(granted(table))))
      .flatMap(({ actions, resources }) =>
        actions.filter((action) => {
          const ofStream = JSON.stringify(resources).includes('StreamArn') && resources.length === 1;
          return !ofStream && action !== 'dynamodb:PartiQLInsert' && action !== 'dynamodb:Query';
        }),
      )
      .map((action) => `${id}: ${action}`),
  );
}

/** What is wrong with how functions and roles belong together. */
function roleFaults(of: Template): readonly string[] {
  const roles = functions.map((id) => roleOf(of, id));
  const faults = new Set(roles).size === functions.length ? [] : ['two functions share a role'];
  const unused = resourcesOf(of, 'AWS::IAM::Role').filter(([id]) => !roles.includes(id));
  faults.push(...unused.map(([id]) => `${id} is nobody's role`));
  for (const id of functions) {
    const role = roleOf(of, id);
    const properties = of.Resources[role]?.Properties;
    const logGroup = id.replace('LambdaFunction', 'LogGroup');
    const may = (action: string) => allows(of, role, action, arnOf(logGroup));
    if (!may('logs:CreateLogStream') || !may('logs:PutLogEvents')) faults.push(`${id} cannot write its log`);
    if (at(of.Resources[logGroup], 'Properties', 'LogGroupName') !== `/aws/lambda/${at(of.Resources[id], 'Properties', 'FunctionName')}`)
      faults.push(`${logGroup} is not the log of ${id}`);
    if (listAt(properties, 'ManagedPolicyArns').length > 0) faults.push(`${role} has policies made by others`);
    const trusted = listAt(properties, 'AssumeRolePolicyDocument', 'Statement').map((statement) => at(statement, 'Principal'));
    if (JSON.stringify(trusted) !== '[{"Service":"lambda.amazonaws.com"}]') faults.push(`${role} is not Lambda's alone`);
  }
  return faults;
}

/** Which resources of the stack a function is told of, in its environment or by what invokes it. */
function toldOf(of: Template, functionId: string): ReadonlySet<string> {
  const variables = Object.values((at(of.Resources[functionId], 'Properties', 'Environment', 'Variables') ?? {}) as object);
  const sources = resourcesOf(of, 'AWS::Lambda::EventSourceMapping')
    .filter(([, { Properties }]) => referred(at(Properties, 'FunctionName')) === functionId)
    .flatMap(([, { Properties }]) => [at(Properties, 'EventSourceArn'), at(Properties, 'DestinationConfig', 'OnFailure', 'Destination')]);
  return new Set([...variables, ...sources].flatMap((value) => referred(value) ?? []));
}

/** Which resources of the stack a role names, but for the log of its function. */
function grantedTo(of: Template, role: string): ReadonlySet<string> {
  const resources = statementsOfRole(of, role).flatMap((statement) => statement.resources);
  const named = resources.map((resource) => referred(resource) ?? /^\$\{(\w+)/.exec(String(at(resource, 'Fn::Sub')))?.[1] ?? '?');
  return new Set(named.filter((id) => !id.endsWith('LogGroup')));
}

/**
 * Told of, but not granted, as both tables and both queues are wired as one: two read events from the log and never the bodies beside
 * them, and nothing leads from the long lane into the short one.
 */
const toldOnly: Readonly<Record<string, readonly string[]>> = {
  ProjectLambdaFunction: ['BodiesTable'],
  RepairLambdaFunction: ['BodiesTable'],
  WakeLongLambdaFunction: ['WakeQueue'],
};

const statement = (role: string, sid: string, ...inner: readonly (string | number)[]) => {
  const place = statementsOfRole(template, role).findIndex((each) => each.sid === sid);
  return ['Resources', role, 'Properties', 'Policies', 0, 'PolicyDocument', 'Statement', place, ...inner];
};

describe('the roles', () => {
  test('name every action and every resource', () => {
    expect(wildcards(template)).toEqual([]);
  });
  test.each([
    ['an action', statement('CommandsRole', 'Append', 'Action'), ['dynamodb:*']],
    ['every action', statement('CommandsRole', 'Append', 'Action'), '*'],
    ['a resource', statement('QueriesRole', 'ReadViews', 'Resource'), '*'],
    ['the end of a resource', statement('QueriesRole', 'ReadViews', 'Resource'), { 'Fn::Sub': '${ViewsTable.Arn}*' }],
    ['no resource', statement('QueriesRole', 'ReadViews', 'Resource'), undefined],
    ['every object of the bucket', statement('ProjectRole', 'GiveUp', 'Resource'), { 'Fn::Sub': '${GivenUpRecords.Arn}/*' }],
    ['who may send to a queue', ['Resources', 'CallbackQueuePolicy', 'Properties', 'PolicyDocument', 'Statement', 1, 'Action'], 'sqs:*'],
  ])('the check sees a star in place of %s', (_fault, steps, value) => {
    expect(wildcards(damaged(template, steps, value))).toHaveLength(1);
  });

  test('make the log append-only: nobody may change or remove an event or a body', () => {
    expect(beyondAppending(template)).toEqual([]);
    expect(beyondAppending(damaged(template, statement('CommandsRole', 'Append', 'Action', 0), 'dynamodb:PutItem'))).toEqual([
      'CommandsRole: dynamodb:PutItem',
    ]);
    expect(beyondAppending(damaged(template, statement('RepairRole', 'WriteViews', 'Resource'), arnOf('EventsTable')))).toHaveLength(3);
  });
  test('let reads append nothing', () => {
    expect(statementsOfRole(template, 'QueriesRole').flatMap(({ actions }) => actions)).toEqual([
      'logs:CreateLogStream',
      'logs:PutLogEvents',
      'dynamodb:Query',
      'dynamodb:BatchGetItem',
      'dynamodb:Query',
    ]);
  });

  test('are one for each function, Lambda alone may take them, and each writes its own log', () => {
    expect(roleFaults(template)).toEqual([]);
  });
  test.each([
    ['a shared role', ['Resources', 'WakeLambdaFunction', 'Properties', 'Role'], arnOf('WakeLongRole')],
    ['a log of another', statement('SweepRole', 'WriteLogs', 'Resource'), arnOf('WakeLogGroup')],
    [
      'a role for everybody',
      ['Resources', 'SweepRole', 'Properties', 'AssumeRolePolicyDocument', 'Statement', 0, 'Principal'],
      { AWS: '*' },
    ],
    ['a managed policy', ['Resources', 'SweepRole', 'Properties', 'ManagedPolicyArns'], ['arn:aws:iam::aws:policy/AmazonSQSFullAccess']],
    ['a log group of another name', ['Resources', 'WakeLogGroup', 'Properties', 'LogGroupName'], '/aws/lambda/other'],
  ])('the check sees %s', (_fault, steps, value) => {
    expect(roleFaults(damaged(template, steps, value))).not.toEqual([]);
  });

  test.each(functions)('%s may use what it is told of, and nothing else', (id) => {
    const told = [...toldOf(template, id)].filter((resource) => !toldOnly[id]?.includes(resource));
    expect([...grantedTo(template, roleOf(template, id))].sort()).toEqual(told.sort());
  });

  test('who else may call a function is told by the source', () => {
    for (const [id, { Properties }] of resourcesOf(template, 'AWS::Lambda::Permission')) {
      expect(at(Properties, 'SourceArn'), id).toBeDefined();
      expect(['events.amazonaws.com', 'apigateway.amazonaws.com'], id).toContain(at(Properties, 'Principal'));
    }
  });
});
