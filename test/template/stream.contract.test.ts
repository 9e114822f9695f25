import { describe, expect, test } from 'vitest';
import { packagedTemplate } from '../aws-host/package-template.ts';
import type { Template } from '../aws-host/stack/intrinsics.ts';
import { allows, arnOf, at, damaged, listAt, mappingsOf, roleOf } from './template.ts';

const template = await packagedTemplate();
const stream = { 'Fn::GetAtt': ['EventsTable', 'StreamArn'] };
/** The stream keeps a day; an hour of it is for bringing what is given up on to its destination. */
const oldestS = 23 * 3_600;
/** What a poller reads a stream with, in the role of its function (Lambda developer guide, "Process DynamoDB records with Lambda"). */
const readActions = ['dynamodb:DescribeStream', 'dynamodb:GetRecords', 'dynamodb:GetShardIterator', 'dynamodb:ListStreams'];
const objects = { 'Fn::Sub': '${GivenUpRecords.Arn}/aws/lambda/*' };

/** However the stream is written. */
function readers(of: Template) {
  return mappingsOf(of).filter(({ source }) => JSON.stringify(source).includes('EventsTable'));
}

function isBounded(value: unknown, most: number): boolean {
  return typeof value === 'number' && value >= 60 && value <= most;
}

/** What is wrong with the readers of the stream of the log. */
function readerFaults(of: Template): readonly string[] {
  const names = readers(of).map(({ functionId }) => functionId);
  const faults: string[] = names.sort().join() === 'DispatchLambdaFunction,ProjectLambdaFunction' ? [] : [`read by ${names.join()}`];
  for (const { id, functionId, properties } of readers(of)) {
    const role = roleOf(of, functionId);
    const checks: Readonly<Record<string, boolean>> = {
      'starts where the stream begins': at(properties, 'StartingPosition') === 'TRIM_HORIZON',
      'reports single failures': listAt(properties, 'FunctionResponseTypes').join() === 'ReportBatchItemFailures',
      'halves a failed batch': at(properties, 'BisectBatchOnFunctionError') === true,
      'gives up in time': isBounded(at(properties, 'MaximumRecordAgeInSeconds'), oldestS),
      'does not try for ever': isBounded(at(properties, 'MaximumRetryAttempts'), 10_000),
      'keeps what it gives up on':
        JSON.stringify(at(properties, 'DestinationConfig', 'OnFailure', 'Destination')) === JSON.stringify(arnOf('GivenUpRecords')),
      'may write there': allows(of, role, 's3:PutObject', objects) && allows(of, role, 's3:ListBucket', arnOf('GivenUpRecords')),
      'may read the stream': readActions.every((action) => allows(of, role, action, stream)),
      'is enabled': at(properties, 'Enabled') === true,
    };
    faults.push(...Object.entries(checks).flatMap(([check, holds]) => (holds ? [] : [`${id}: not so: ${check}`])));
  }
  return faults;
}

const dispatch = ['Resources', 'DispatchEventSourceMappingDynamodbEventsTable', 'Properties'];
const project = ['Resources', 'ProjectEventSourceMappingDynamodbEventsTable', 'Properties'];
const policyOf = (role: string) => ['Resources', role, 'Properties', 'Policies', 0, 'PolicyDocument', 'Statement'];
const placeOf = (role: string, sid: string) => listAt(template, ...policyOf(role)).findIndex((statement) => at(statement, 'Sid') === sid);

const thirdReader = {
  Type: 'AWS::Lambda::EventSourceMapping',
  Properties: { FunctionName: { Ref: 'SweepLambdaFunction' }, EventSourceArn: { 'Fn::Sub': '${EventsTable.StreamArn}' } },
};

describe('the stream of the log', () => {
  test('has two readers, which lose nothing and block nothing', () => {
    expect(readerFaults(template)).toEqual([]);
  });

  test.each([
    ['a third reader', ['Resources', 'RepairEventSourceMappingSQSRepairQueue', 'Properties', 'EventSourceArn'], stream],
    ['a third reader by another name', ['Resources', 'Third'], thirdReader],
    ['a reader less', [...project, 'EventSourceArn'], arnOf('RepairQueue')],
    ['a reader that begins with what comes', [...dispatch, 'StartingPosition'], 'LATEST'],
    ['a reader whose whole batch fails', [...project, 'FunctionResponseTypes'], undefined],
    ['a batch that is not halved', [...dispatch, 'BisectBatchOnFunctionError'], false],
    ['records that may grow older than the stream', [...dispatch, 'MaximumRecordAgeInSeconds'], -1],
    ['a day, which leaves no time', [...project, 'MaximumRecordAgeInSeconds'], 86_400],
    ['endless tries', [...project, 'MaximumRetryAttempts'], -1],
    ['no destination', [...dispatch, 'DestinationConfig'], undefined],
    ['a destination that cannot be written to', [...policyOf('ProjectRole'), placeOf('ProjectRole', 'GiveUp')], undefined],
    ['a bucket that is not found', [...policyOf('DispatchRole'), placeOf('DispatchRole', 'FindBucket')], undefined],
    ['a stream that may not be read', [...policyOf('DispatchRole'), placeOf('DispatchRole', 'ReadStream')], undefined],
  ])('the check sees %s', (_fault, steps, value) => {
    expect(readerFaults(damaged(template, steps, value))).not.toEqual([]);
  });

  test('is read at once for wakes, and by the second for views', () => {
    expect(at(template, ...dispatch, 'MaximumBatchingWindowInSeconds')).toBe(0);
    expect(at(template, ...project, 'MaximumBatchingWindowInSeconds')).toBe(1);
  });

  test('brings insertions of events only', () => {
    for (const { properties } of readers(template)) {
      const [pattern, ...more] = listAt(properties, 'FilterCriteria', 'Filters').map((filter) => JSON.parse(String(at(filter, 'Pattern'))));
      expect(more).toEqual([]);
      expect(pattern).toEqual({ eventName: ['INSERT'], dynamodb: { NewImage: { type: { S: [{ exists: true }] } } } });
    }
  });
});
