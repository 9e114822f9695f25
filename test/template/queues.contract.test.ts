import { describe, expect, test } from 'vitest';
import { ownSources } from '../../src/application/render-event.ts';
import { taskEventType } from '../../src/handlers/http/task-event.ts';
import { packagedTemplate } from '../aws-host/package-template.ts';
import { readPattern } from '../aws-host/patterns.ts';
import type { Template } from '../aws-host/stack/intrinsics.ts';
import { allows, arnOf, at, damaged, listAt, mappingsOf, referred, resourcePolicies, resourcesOf, roleOf } from './template.ts';

const template = await packagedTemplate();
const longestRetentionS = 14 * 86_400;
const same = (left: unknown, right: unknown): boolean => JSON.stringify(left) === JSON.stringify(right);

const deadLettersOf = (of: Template, queue: string): string | null =>
  referred(at(of.Resources[queue], 'Properties', 'RedrivePolicy', 'deadLetterTargetArn'));

function queueMappings(of: Template) {
  return mappingsOf(of).filter(({ source }) => of.Resources[referred(source) ?? '']?.Type === 'AWS::SQS::Queue');
}

/** What is wrong with the queues that functions read. */
function queueFaults(of: Template): readonly string[] {
  return queueMappings(of).flatMap(({ source, functionId, properties }) => {
    const queue = referred(source) ?? '';
    const settings = of.Resources[queue]?.Properties;
    const deadLetters = deadLettersOf(of, queue) ?? '';
    const kept = Number(at(of.Resources[deadLetters], 'Properties', 'MessageRetentionPeriod'));
    const retention = Number(at(settings, 'MessageRetentionPeriod'));
    const visibility = Number(at(settings, 'VisibilityTimeout'));
    const receives = Number(at(settings, 'RedrivePolicy', 'maxReceiveCount'));
    const checks: Readonly<Record<string, boolean>> = {
      'hides a message for six times as long as its function may run':
        visibility >= 6 * Number(at(of.Resources[functionId], 'Properties', 'Timeout')),
      'keeps a message until it was tried as often as it may be': retention >= visibility * receives,
      'has dead letters that nobody else reads':
        of.Resources[deadLetters]?.Type === 'AWS::SQS::Queue' && queueMappings(of).every((other) => referred(other.source) !== deadLetters),
      // A message keeps the time of its first queue.
      'keeps dead letters as long as SQS can': kept === longestRetentionS && kept >= retention,
      'tries a message more than once': receives >= 3,
      'reports single failures': listAt(properties, 'FunctionResponseTypes').join() === 'ReportBatchItemFailures',
      'has a bound on what runs at once': Number(at(properties, 'ScalingConfig', 'MaximumConcurrency')) >= 2,
      'may be read by its function': ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'].every((action) =>
        allows(of, roleOf(of, functionId), action, arnOf(queue)),
      ),
    };
    return Object.entries(checks).flatMap(([check, holds]) => (holds ? [] : [`${queue}: not so: ${check}`]));
  });
}

/** What is wrong with how every queue is locked. */
function lockFaults(of: Template): readonly string[] {
  const policies = resourcePolicies(of, 'AWS::SQS::QueuePolicy', 'Queues');
  return resourcesOf(of, 'AWS::SQS::Queue').flatMap(([id, { Properties }]) => {
    const statements = policies.filter(({ targets }) => targets.includes(id)).flatMap((policy) => policy.statements);
    const refused = statements.filter(
      ({ effect, resources, condition }) =>
        effect === 'Deny' && same(resources, [arnOf(id)]) && same(condition, { Bool: { 'aws:SecureTransport': 'false' } }),
    );
    const open = statements.filter(
      ({ effect, condition }) => effect === 'Allow' && at(condition, 'ArnEquals', 'aws:SourceArn') === undefined,
    );
    return [
      ...(at(Properties, 'SqsManagedSseEnabled') === true ? [] : [`${id} is not encrypted`]),
      ...(refused.length === 1 ? [] : [`${id} takes what comes without TLS`]),
      ...open.map(({ sid }) => `${id} is open to others: ${sid}`),
    ];
  });
}

describe('the queues', () => {
  test('are five that functions read, each with its dead letters', () => {
    expect(
      queueMappings(template)
        .map(({ source }) => referred(source))
        .sort(),
    ).toEqual(['CallbackQueue', 'IngestQueue', 'RepairQueue', 'WakeLongQueue', 'WakeQueue']);
    expect(queueFaults(template)).toEqual([]);
  });
  test.each([
    ['a short visibility', ['Resources', 'WakeLongQueue', 'Properties', 'VisibilityTimeout'], 5_399],
    ['a function that takes longer', ['Resources', 'WakeLambdaFunction', 'Properties', 'Timeout'], 61],
    ['messages that go before their tries', ['Resources', 'WakeLongQueue', 'Properties', 'MessageRetentionPeriod'], 3_600],
    ['no dead letters', ['Resources', 'RepairQueue', 'Properties', 'RedrivePolicy'], undefined],
    ['dead letters that go round', ['Resources', 'WakeQueue', 'Properties', 'RedrivePolicy', 'deadLetterTargetArn'], arnOf('RepairQueue')],
    ['dead letters that go soon', ['Resources', 'WakeDeadLetters', 'Properties', 'MessageRetentionPeriod'], 345_600],
    ['one try', ['Resources', 'CallbackQueue', 'Properties', 'RedrivePolicy', 'maxReceiveCount'], 1],
    ['batches that fail whole', ['Resources', 'WakeEventSourceMappingSQSWakeQueue', 'Properties', 'FunctionResponseTypes'], undefined],
    ['no bound', ['Resources', 'WakeEventSourceMappingSQSWakeQueue', 'Properties', 'ScalingConfig'], undefined],
    ['a poller without permission', ['Resources', 'WakeRole', 'Properties', 'Policies', 0, 'PolicyDocument', 'Statement', 1], undefined],
  ])('the check sees %s', (_fault, steps, value) => {
    expect(queueFaults(damaged(template, steps, value))).not.toEqual([]);
  });

  test('are encrypted, and take nothing without TLS, nor from strangers', () => {
    expect(lockFaults(template)).toEqual([]);
  });
  test.each([
    ['one that is not encrypted', ['Resources', 'WakeQueue', 'Properties', 'SqsManagedSseEnabled'], false],
    ['one without a policy', ['Resources', 'WakeDeadLettersPolicy'], undefined],
    ['a policy of another queue', ['Resources', 'WakeQueuePolicy', 'Properties', 'Queues'], [{ Ref: 'RepairQueue' }]],
    [
      'one that every rule may send to',
      ['Resources', 'CallbackQueuePolicy', 'Properties', 'PolicyDocument', 'Statement', 1, 'Condition'],
      undefined,
    ],
  ])('the check sees %s', (_fault, steps, value) => {
    expect(lockFaults(damaged(template, steps, value))).not.toEqual([]);
  });

  test('carry ten calls side by side, or one long one, or the events of ten tasks', () => {
    const batches = Object.fromEntries(
      queueMappings(template).map(({ source, properties }) => [referred(source), at(properties, 'BatchSize')]),
    );
    expect(batches).toEqual({ WakeQueue: 10, WakeLongQueue: 1, CallbackQueue: 10, IngestQueue: 10, RepairQueue: 1 });
  });
});

describe('the bus', () => {
  const rule = template.Resources['CallbackRule']?.Properties;
  const ingest = template.Resources['IngestRule']?.Properties;
  const mayReceive = (queue: string, from = 'CallbackRule') =>
    resourcePolicies(template, 'AWS::SQS::QueuePolicy', 'Queues')
      .filter(({ targets }) => targets.includes(queue))
      .flatMap(({ statements }) => statements)
      .some(
        ({ effect, actions, condition }) =>
          effect === 'Allow' && same(actions, ['sqs:SendMessage']) && same(condition, { ArnEquals: { 'aws:SourceArn': arnOf(from) } }),
      );

  test('sends what asks for a callback, and only that, to the queue of callbacks', () => {
    expect(at(rule, 'EventBusName')).toEqual({ Ref: 'TaskBus' });
    expect(at(rule, 'EventPattern')).toEqual({ source: ['errand'], detail: { callback: [true] } });
    expect(listAt(rule, 'Targets').map((target) => referred(at(target, 'Arn')))).toEqual(['CallbackQueue']);
    expect(mayReceive('CallbackQueue')).toBe(true);
  });
  test('leaves what it cannot send with the dead letters of callbacks, and may', () => {
    expect(listAt(rule, 'Targets').map((target) => referred(at(target, 'DeadLetterConfig', 'Arn')))).toEqual(['CallbackDeadLetters']);
    expect(mayReceive('CallbackDeadLetters')).toBe(true);
  });
  test('sends what asks for a task to the queue of events, whoever asks but Errand and its tasks', () => {
    const matches = readPattern(at(ingest, 'EventPattern'));
    expect(at(ingest, 'EventBusName')).toEqual({ Ref: 'TaskBus' });
    expect(at(ingest, 'State')).toBe('ENABLED');
    expect(matches({ source: 'shop', 'detail-type': taskEventType, detail: {} })).toBe(true);
    expect(matches({ source: 'shop', 'detail-type': 'OrderPlaced', detail: {} })).toBe(false);
    for (const source of ownSources) expect(matches({ source, 'detail-type': taskEventType, detail: {} }), source).toBe(false);
    expect(listAt(ingest, 'Targets').map((target) => referred(at(target, 'Arn')))).toEqual(['IngestQueue']);
    expect(mayReceive('IngestQueue', 'IngestRule')).toBe(true);
  });
  test('tries as long as it can to send what asks for a task, and leaves the rest with its dead letters', () => {
    expect(listAt(ingest, 'Targets').map((target) => referred(at(target, 'DeadLetterConfig', 'Arn')))).toEqual(['IngestDeadLetters']);
    expect(at(ingest, 'Targets', 0, 'RetryPolicy')).toEqual({ MaximumEventAgeInSeconds: 86_400, MaximumRetryAttempts: 185 });
    expect(mayReceive('IngestDeadLetters', 'IngestRule')).toBe(true);
  });
  test('keeps events of producers through hours of a log that takes nothing', () => {
    const { VisibilityTimeout, RedrivePolicy, MessageRetentionPeriod } = (template.Resources['IngestQueue']?.Properties ?? {}) as Record<
      string,
      unknown
    >;
    expect(Number(VisibilityTimeout) * Number(at(RedrivePolicy, 'maxReceiveCount'))).toBeGreaterThanOrEqual(4 * 3_600);
    expect(MessageRetentionPeriod).toBe(longestRetentionS);
  });
});

describe('the sweep', () => {
  const schedule = template.Resources['SweepRule']?.Properties;
  const invoked = template.Resources['SweepLambdaEvConf']?.Properties;

  test('runs every minute, one at a time', () => {
    expect(at(schedule, 'ScheduleExpression')).toBe('rate(1 minute)');
    expect(referred(at(schedule, 'Targets', 0, 'Arn'))).toBe('SweepLambdaFunction');
    expect(at(template.Resources['SweepLambdaFunction'], 'Properties', 'ReservedConcurrentExecutions')).toBe(1);
    expect(Number(at(template.Resources['SweepLambdaFunction'], 'Properties', 'Timeout'))).toBeLessThan(60);
  });
  test('is never repeated: neither by the rule nor by Lambda', () => {
    expect(at(schedule, 'Targets', 0, 'RetryPolicy')).toEqual({ MaximumEventAgeInSeconds: 60, MaximumRetryAttempts: 0 });
    expect(at(invoked, 'MaximumRetryAttempts')).toBe(0);
    expect(at(invoked, 'MaximumEventAgeInSeconds')).toBe(60);
  });
});
