import { existsSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { packagedTemplate } from '../aws-host/package-template.ts';
import type { Template } from '../aws-host/stack/intrinsics.ts';
import { at, damaged, mappingsOf, referred, resourcesOf } from './template.ts';

const template = await packagedTemplate();
const functions = resourcesOf(template, 'AWS::Lambda::Function');
/** What every account has, and what must stay unreserved of it (Lambda developer guide, "Configuring reserved concurrency"). */
const accountConcurrency = 1_000;
const unreservedAtLeast = 100;

const sourceOf = (handler: unknown) => String(handler).replace(/\.handler$/, '.ts');
const load = (handler: unknown) => import(pathToFileURL(sourceOf(handler)).href);
const variablesOf = (of: Template, id: string) =>
  (at(of.Resources[id], 'Properties', 'Environment', 'Variables') ?? {}) as Readonly<Record<string, unknown>>;

/** The variables that a function asks its environment for: it is made with none, and says which are missing. */
async function askedFor(handler: unknown): Promise<readonly string[]> {
  const asked = new Set<string>();
  const environment = new Proxy<Record<string, string | undefined>>({}, { get: (_target, name) => void asked.add(String(name)) });
  const { create } = await load(handler);
  await expect(create(environment)).rejects.toThrow('ERRAND_');
  return [...asked].sort();
}

/** Whether the functions that are promised a number of environments can all have them. */
function concurrencyFaults(of: Template): readonly string[] {
  const reserved = resourcesOf(of, 'AWS::Lambda::Function').map(([, { Properties }]) =>
    Number(at(Properties, 'ReservedConcurrentExecutions') ?? 0),
  );
  const left = accountConcurrency - reserved.reduce((sum, each) => sum + each, 0);
  const wanted = mappingsOf(of)
    .filter(({ functionId }) => at(of.Resources[functionId], 'Properties', 'ReservedConcurrentExecutions') === undefined)
    .reduce((sum, { properties }) => sum + Number(at(properties, 'ScalingConfig', 'MaximumConcurrency') ?? 0), 0);
  return [
    ...(left < unreservedAtLeast ? [`only ${left} are left unreserved`] : []),
    // Projections and repair have no bound of their own: they live from what the queues' readers leave.
    ...(left - wanted < unreservedAtLeast ? [`queues may take ${wanted} of ${left}`] : []),
  ];
}

/** Functions that may call any address. */
function openEgress(of: Template): readonly string[] {
  return resourcesOf(of, 'AWS::Lambda::Function').flatMap(([id]) => {
    const egress = variablesOf(of, id)['ERRAND_EGRESS'];
    return egress === undefined || egress === 'public' ? [] : [id];
  });
}

describe.each(functions)('%s', (id, { Properties }) => {
  const handler = at(Properties, 'Handler');

  test('has a source file that makes it', async () => {
    expect(existsSync(sourceOf(handler))).toBe(true);
    expect(Object.keys(await load(handler)).sort()).toEqual(['create', 'handler']);
  });
  test('is given every variable that it asks for, and no other', async () => {
    expect(Object.keys(variablesOf(template, id)).sort()).toEqual(await askedFor(handler));
  });
  test('runs on arm64 and Node 24, with its size, time and log level set', () => {
    expect(at(Properties, 'Runtime')).toBe('nodejs24.x');
    expect(at(Properties, 'Architectures')).toEqual(['arm64']);
    expect(Number(at(Properties, 'MemorySize'))).toBeGreaterThanOrEqual(512);
    expect(Number(at(Properties, 'Timeout'))).toBeGreaterThan(0);
    expect(at(Properties, 'LoggingConfig')).toEqual({ LogFormat: 'JSON', ApplicationLogLevel: 'DEBUG', SystemLogLevel: 'WARN' });
  });
});

describe('the functions', () => {
  test('are ten', () => {
    expect(functions).toHaveLength(10);
  });
  test('call public addresses only', () => {
    expect(openEgress(template)).toEqual([]);
    const steps = ['Resources', 'WakeLambdaFunction', 'Properties', 'Environment', 'Variables', 'ERRAND_EGRESS'];
    expect(openEgress(damaged(template, steps, 'any'))).toEqual(['WakeLambdaFunction']);
  });
  test('fit into the concurrency of an account', () => {
    expect(concurrencyFaults(template)).toEqual([]);
    const commands = ['Resources', 'CommandsLambdaFunction', 'Properties', 'ReservedConcurrentExecutions'];
    const lane = ['Resources', 'WakeEventSourceMappingSQSWakeQueue', 'Properties', 'ScalingConfig', 'MaximumConcurrency'];
    expect(concurrencyFaults(damaged(template, commands, 800))).toHaveLength(2);
    expect(concurrencyFaults(damaged(template, lane, 400))).toHaveLength(1);
  });
  test('leave room to those who take commands and those who wake', () => {
    const reserving = functions.filter(([, { Properties }]) => at(Properties, 'ReservedConcurrentExecutions') !== undefined);
    expect(reserving.map(([id]) => id)).toEqual([
      'CommandsLambdaFunction',
      'QueriesLambdaFunction',
      'DispatchLambdaFunction',
      'SweepLambdaFunction',
    ]);
  });
  test('leave their logs for a month', () => {
    for (const [id, { Properties }] of resourcesOf(template, 'AWS::Logs::LogGroup')) expect(at(Properties, 'RetentionInDays'), id).toBe(30);
    expect(resourcesOf(template, 'AWS::Logs::LogGroup')).toHaveLength(functions.length + 1);
  });
  test('answer before API Gateway does for them', () => {
    for (const [, { Properties }] of resourcesOf(template, 'AWS::ApiGatewayV2::Integration')) {
      const target = template.Resources[referred(at(Properties, 'IntegrationUri')) ?? ''];
      expect(Number(at(target, 'Properties', 'Timeout')) * 1_000).toBeLessThan(Number(at(Properties, 'TimeoutInMillis')));
    }
  });
});
