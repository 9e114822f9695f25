import { z } from 'zod';
import { identifyWith } from './identities.ts';
import { createResolver, type Template } from './intrinsics.ts';

/** Numbers may be written as text in a template. */
const number = z.coerce.number();
const keySchema = z.array(z.object({ AttributeName: z.string(), KeyType: z.enum(['HASH', 'RANGE']) }));
const projection = z.object({
  ProjectionType: z.enum(['ALL', 'KEYS_ONLY', 'INCLUDE']),
  NonKeyAttributes: z.array(z.string()).optional(),
});
const streamView = z.enum(['NEW_IMAGE', 'OLD_IMAGE', 'NEW_AND_OLD_IMAGES', 'KEYS_ONLY']);

const table = z.object({
  TableName: z.string(),
  AttributeDefinitions: z.array(z.object({ AttributeName: z.string(), AttributeType: z.enum(['S', 'N', 'B']) })),
  KeySchema: keySchema,
  GlobalSecondaryIndexes: z.array(z.object({ IndexName: z.string(), KeySchema: keySchema, Projection: projection })).optional(),
  StreamSpecification: z.object({ StreamViewType: streamView }).optional(),
  TimeToLiveSpecification: z.object({ AttributeName: z.string(), Enabled: z.coerce.boolean() }).optional(),
});

const queue = z.object({
  QueueName: z.string(),
  FifoQueue: z.literal(false).optional(),
  VisibilityTimeout: number.optional(),
  MessageRetentionPeriod: number.optional(),
  ReceiveMessageWaitTimeSeconds: number.optional(),
  DelaySeconds: number.optional(),
  RedrivePolicy: z.object({ deadLetterTargetArn: z.string(), maxReceiveCount: number }).optional(),
});

const lambda = z.object({
  FunctionName: z.string(),
  Handler: z.string(),
  Timeout: number.default(3),
  MemorySize: number.default(128),
  ReservedConcurrentExecutions: number.optional(),
  Environment: z.object({ Variables: z.record(z.string(), z.coerce.string()) }).default({ Variables: {} }),
});

/** Strict: a setting of a mapping that the harness does not respect must not look as if it did. */
const mapping = z.strictObject({
  EventSourceArn: z.string(),
  FunctionName: z.string(),
  Enabled: z.coerce.boolean().default(true),
  BatchSize: number.optional(),
  MaximumBatchingWindowInSeconds: number.default(0),
  StartingPosition: z.literal('TRIM_HORIZON').optional(),
  ParallelizationFactor: number.default(1),
  MaximumRetryAttempts: number.default(-1),
  MaximumRecordAgeInSeconds: number.default(-1),
  BisectBatchOnFunctionError: z.coerce.boolean().default(false),
  FunctionResponseTypes: z.array(z.literal('ReportBatchItemFailures')).default([]),
  FilterCriteria: z.object({ Filters: z.array(z.object({ Pattern: z.string() })) }).optional(),
  DestinationConfig: z.object({ OnFailure: z.object({ Destination: z.string() }) }).optional(),
  ScalingConfig: z.object({ MaximumConcurrency: number }).optional(),
  MetricsConfig: z.unknown().optional(),
  Tags: z.unknown().optional(),
});

const rule = z.object({
  Name: z.string().optional(),
  State: z.enum(['ENABLED', 'DISABLED']).default('ENABLED'),
  EventBusName: z.string().default('default'),
  EventPattern: z.record(z.string(), z.unknown()).optional(),
  ScheduleExpression: z.string().optional(),
  Targets: z.array(z.object({ Arn: z.string(), Id: z.string(), Input: z.string().optional() }).loose()).default([]),
});

const asyncInvocations = z.object({ FunctionName: z.string(), MaximumRetryAttempts: number.default(2) });
const route = z.object({ RouteKey: z.string(), Target: z.string(), AuthorizationType: z.string().default('NONE') });
const integration = z.object({
  IntegrationUri: z.string(),
  PayloadFormatVersion: z.literal('2.0'),
  TimeoutInMillis: number.default(30_000),
});

export type TableResource = z.infer<typeof table>;
export type QueueResource = z.infer<typeof queue> & { readonly arn: string };
export type FunctionResource = z.infer<typeof lambda> & { readonly arn: string; readonly asyncRetries: number };
export type MappingResource = z.infer<typeof mapping>;
export type RuleResource = z.infer<typeof rule>;
export type RouteResource = { readonly routeKey: string; readonly functionArn: string; readonly timeoutMs: number };

/** What of a packaged template runs, with everything in it worked out. */
export type Stack = {
  readonly tables: readonly (TableResource & { readonly streamArn: string })[];
  readonly queues: readonly QueueResource[];
  readonly functions: readonly FunctionResource[];
  readonly mappings: readonly MappingResource[];
  readonly rules: readonly RuleResource[];
  readonly buses: readonly string[];
  readonly routes: readonly RouteResource[];
  readonly secrets: readonly string[];
};

/** A function is named by its name or by its ARN, and an API names it inside an address of its own. */
const functionNameIn = (reference: string): string => /function:([^:/]+)/.exec(reference)?.[1] ?? reference;

/** Reads a packaged template. Throws, naming the resource, where it says something that the harness cannot carry out. */
export function readStack(template: Template, queueUrl: (queueName: string) => string): Stack {
  const identify = identifyWith(queueUrl);
  const resolve = createResolver(template, identify);
  const identities = new Map(Object.entries(template.Resources).map(([id, resource]) => [id, identify(id, resource, resolve)]));

  function all<Shape extends z.ZodType>(type: string, shape: Shape, nameProperty?: string) {
    return Object.entries(template.Resources)
      .filter(([, resource]) => resource.Type === type)
      .filter(([, { Condition }]) => Condition === undefined || resolve({ 'Fn::If': [Condition, true, false] }) === true)
      .map(([id, resource]) => {
        const identity = identities.get(id);
        if (identity === undefined) throw new Error(`${id} has no identity`);
        const named = nameProperty === undefined ? {} : { [nameProperty]: identity.attributes['QueueName'] ?? identity.ref };
        const parsed = shape.safeParse({ ...named, ...(resolve(resource.Properties ?? {}) as object) });
        if (!parsed.success) throw new Error(`the harness cannot carry out ${id} (${type}): ${z.prettifyError(parsed.error)}`);
        return { id, identity, properties: parsed.data as z.infer<Shape> };
      });
  }

  const functions = all('AWS::Lambda::Function', lambda, 'FunctionName');
  const retriesOf = new Map(
    all('AWS::Lambda::EventInvokeConfig', asyncInvocations).map(({ properties }) => [
      functionNameIn(properties.FunctionName),
      properties.MaximumRetryAttempts,
    ]),
  );
  const arnOf = (reference: string): string => {
    const name = functionNameIn(reference);
    const found = functions.find(({ properties }) => properties.FunctionName === name);
    if (found === undefined) throw new Error(`the template names a function ${reference}, which it does not have`);
    return found.identity.attributes['Arn'] ?? '';
  };
  const integrations = new Map(
    all('AWS::ApiGatewayV2::Integration', integration).map(({ identity, properties }) => [identity.ref, properties]),
  );

  return {
    tables: all('AWS::DynamoDB::Table', table, 'TableName').map(({ identity, properties }) => ({
      ...properties,
      streamArn: identity.attributes['StreamArn'] ?? '',
    })),
    queues: all('AWS::SQS::Queue', queue, 'QueueName').map(({ identity, properties }) => ({
      ...properties,
      arn: identity.attributes['Arn'] ?? '',
    })),
    functions: functions.map(({ identity, properties }) => ({
      ...properties,
      arn: identity.attributes['Arn'] ?? '',
      asyncRetries: retriesOf.get(properties.FunctionName) ?? 2,
    })),
    mappings: all('AWS::Lambda::EventSourceMapping', mapping).map(({ properties }) => ({
      ...properties,
      FunctionName: arnOf(properties.FunctionName),
    })),
    rules: all('AWS::Events::Rule', rule).map(({ properties }) => properties),
    buses: all('AWS::Events::EventBus', z.object({ Name: z.string() }), 'Name').map(({ properties }) => properties.Name),
    routes: all('AWS::ApiGatewayV2::Route', route).map(({ id, properties }) => {
      const target = integrations.get(properties.Target.replace(/^integrations\//, ''));
      if (target === undefined) throw new Error(`route ${id} has no integration`);
      if (properties.AuthorizationType !== 'NONE') throw new Error(`the harness has no authorizers, but route ${id} uses one`);
      return { routeKey: properties.RouteKey, functionArn: arnOf(target.IntegrationUri), timeoutMs: target.TimeoutInMillis };
    }),
    secrets: all('AWS::SecretsManager::Secret', z.object({})).map(({ identity }) => identity.ref),
  };
}
