import { describe, expect, test } from 'vitest';
import { packagedTemplate } from '../aws-host/package-template.ts';
import { cycleIn } from './cycles.ts';
import { brokenReferences } from './references.ts';
import { schemaFaults } from './schema.ts';
import { damaged } from './template.ts';

const template = await packagedTemplate();
const variants = {
  'with its defaults': template,
  'with a JWT authorizer': await packagedTemplate({ auth: 'jwt', jwtIssuer: 'https://issuer.example', jwtAudience: 'errand' }),
  'with parameters from the command line': await packagedTemplate({
    shards: '4',
    counters: '2',
    commandsConcurrency: '20',
    dispatchConcurrency: '10',
    wakeConcurrency: '20',
    wakeLongConcurrency: '5',
    callbackConcurrency: '3',
    ingestConcurrency: '2',
    apiRate: '100',
    apiBurst: '50',
    logRetentionDays: '7',
    alarmEmail: 'somebody@example.com',
  }),
};

describe.each(Object.entries(variants))('the template %s', (_name, each) => {
  test('has nothing that CloudFormation does not know, lacks nothing that it requires', () => {
    expect(schemaFaults(each)).toEqual([]);
  });
  test('refers to nothing that it does not have', () => {
    expect(brokenReferences(each)).toEqual([]);
  });
  test('can be made, one resource after another', () => {
    expect(cycleIn(each)).toBeNull();
  });
});

const inMapping = ['Resources', 'DispatchEventSourceMappingDynamodbEventsTable', 'Properties'];
const inTable = ['Resources', 'ViewsTable', 'Properties'];

describe('the checks see', () => {
  test.each([
    ['an unknown type', ['Resources', 'WakeQueue', 'Type'], 'AWS::SQS::Pipe'],
    ['an unknown attribute of a resource', ['Resources', 'WakeQueue', 'DeletePolicy'], 'Retain'],
    ['an unknown property', [...inMapping, 'BatchSise'], 10],
    ['an unknown property further in', [...inMapping, 'DestinationConfig', 'OnSuccess2'], {}],
    ['an unknown property in a list', [...inTable, 'GlobalSecondaryIndexes', 0, 'Projections'], 'ALL'],
    ['a missing property', [...inTable, 'KeySchema'], undefined],
    ['a missing property further in', [...inTable, 'GlobalSecondaryIndexes', 1, 'KeySchema', 0, 'KeyType'], undefined],
    ['text where a number belongs', [...inMapping, 'BatchSize'], 'ten'],
    ['a list where text belongs', [...inMapping, 'StartingPosition'], ['TRIM_HORIZON']],
    ['one where a list belongs', [...inMapping, 'FunctionResponseTypes'], 'ReportBatchItemFailures'],
    ['a wrong branch of a condition', [...inMapping, 'BatchSize'], { 'Fn::If': ['OwnAlarmTopic', 100, 'many'] }],
    ['a value that is not among those allowed', [...inMapping, 'MetricsConfig', 'Metrics', 0], 'EventCounts'],
  ])('%s', (_fault, steps, value) => {
    expect(schemaFaults(damaged(template, steps, value))).toHaveLength(1);
  });

  test.each([
    ['a resource that is not there', [...inMapping, 'EventSourceArn'], { 'Fn::GetAtt': ['EventTable', 'StreamArn'] }],
    ['an attribute that is not there', [...inMapping, 'EventSourceArn'], { 'Fn::GetAtt': ['BodiesTable', 'StreamsArn'] }],
    ['a reference that is not there', ['Resources', 'CallbackRule', 'Properties', 'EventBusName'], { Ref: 'Bus' }],
    ['a name within a text', [...inMapping, 'EventSourceArn'], { 'Fn::Sub': ['a ${b} of ${Missing}', { b: 'c' }] }],
    ['a condition', ['Resources', 'AlarmTopic', 'Condition'], 'OwnTopic'],
    ['a dependency', ['Resources', 'WakeLambdaFunction', 'DependsOn'], ['AwakeRole']],
  ])('a reference to nothing: %s', (_fault, steps, value) => {
    expect(brokenReferences(damaged(template, steps, value))).toHaveLength(1);
  });

  test('resources that wait for each other', () => {
    const ring = damaged(template, ['Resources', 'WakeQueue', 'DependsOn'], ['WakeEventSourceMappingSQSWakeQueue']);
    expect(cycleIn(ring)).toContain('WakeQueue');
    expect(cycleIn(damaged(template, ['Resources', 'WakeQueue', 'DependsOn'], ['WakeQueue']))).toEqual(['WakeQueue', 'WakeQueue']);
  });
});
