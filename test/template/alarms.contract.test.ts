import { describe, expect, test } from 'vitest';
import { packagedTemplate } from '../aws-host/package-template.ts';
import type { Template } from '../aws-host/stack/intrinsics.ts';
import { at, damaged, listAt, mappingsOf, referred, resourcesOf } from './template.ts';

const template = await packagedTemplate();

type Watched = { readonly metric: string; readonly what: string | null };

/** Which metrics of which resources an alarm looks at. */
function watchedBy(properties: unknown): readonly Watched[] {
  const metrics = [properties, ...listAt(properties, 'Metrics').map((each) => at(each, 'MetricStat', 'Metric'))];
  return metrics.flatMap((metric) => {
    const name = at(metric, 'MetricName');
    return typeof name === 'string' ? [{ metric: name, what: referred(at(metric, 'Dimensions', 0, 'Value')) }] : [];
  });
}

/** What can go wrong in this stack, and is therefore to be watched. */
function toWatch(of: Template): readonly string[] {
  const functions = resourcesOf(of, 'AWS::Lambda::Function').map(([id]) => id);
  const queues = resourcesOf(of, 'AWS::SQS::Queue');
  const streams = mappingsOf(of).filter(({ source }) => JSON.stringify(source).includes('Stream'));
  return [
    ...functions.flatMap((id) => [`Errors of ${id}`, `Throttles of ${id}`]),
    ...streams.flatMap(({ functionId }) => [`IteratorAge of ${functionId}`, `DestinationDeliveryFailures of ${functionId}`]),
    ...streams.flatMap(({ id }) => [`OnFailureDestinationDeliveredEventCount of ${id}`, `DroppedEventCount of ${id}`]),
    ...queues.map(
      ([id]) => `${id.endsWith('DeadLetters') ? 'ApproximateNumberOfMessagesVisible' : 'ApproximateAgeOfOldestMessage'} of ${id}`,
    ),
    'NumberOfMessagesSent of RepairQueue',
    'Invocations of SweepLambdaFunction',
    '5xx of HttpApi',
  ];
}

/** What nobody is told of. */
function unwatched(of: Template): readonly string[] {
  const alarms = resourcesOf(of, 'AWS::CloudWatch::Alarm').filter(([, { Properties }]) => listAt(Properties, 'AlarmActions').length > 0);
  const watched = new Set(alarms.flatMap(([, { Properties }]) => watchedBy(Properties)).map(({ metric, what }) => `${metric} of ${what}`));
  return toWatch(of).filter((each) => !watched.has(each));
}

describe('the alarms', () => {
  test('watch all that can go wrong, and tell somebody', () => {
    expect(unwatched(template)).toEqual([]);
  });
  test.each([
    ['an alarm less', ['RepairDeadLettersAlarm'], undefined],
    ['an alarm that tells nobody', ['SweepMissingAlarm', 'Properties', 'AlarmActions'], []],
    ['a function left out', ['ErrorsAlarm', 'Properties', 'Metrics', 3], undefined],
  ])('the check sees %s', (_fault, steps, value) => {
    expect(unwatched(damaged(template, ['Resources', ...steps], value))).toHaveLength(1);
  });

  test('ring when the sweep is silent; where others are silent, all is well', () => {
    for (const [id, { Properties }] of resourcesOf(template, 'AWS::CloudWatch::Alarm')) {
      expect(at(Properties, 'TreatMissingData'), id).toBe(id === 'SweepMissingAlarm' ? 'breaching' : 'notBreaching');
    }
  });
  test('take no more metrics than an alarm can', () => {
    for (const [id, { Properties }] of resourcesOf(template, 'AWS::CloudWatch::Alarm')) {
      expect(listAt(Properties, 'Metrics').filter((each) => at(each, 'MetricStat') !== undefined).length, id).toBeLessThanOrEqual(10);
    }
  });
  test('allow a message the delay that it was sent with', () => {
    for (const [id, delayS] of [
      ['WakeQueueAgeAlarm', 900],
      ['WakeLongQueueAgeAlarm', 900 + 840],
    ] as const) {
      expect(Number(at(template.Resources[id], 'Properties', 'Threshold'))).toBeGreaterThan(delayS);
    }
  });
  test('go to a topic of the stack, or to one that is given', async () => {
    expect(template.Conditions?.['OwnAlarmTopic']).toEqual({ 'Fn::Equals': ['', ''] });
    const topic = 'arn:aws:sns:us-east-1:123456789012:somebody';
    const given = await packagedTemplate({ alarmTopic: topic });
    expect(given.Conditions?.['OwnAlarmTopic']).toEqual({ 'Fn::Equals': [topic, ''] });
    expect(at(given.Resources['ErrorsAlarm'], 'Properties', 'AlarmActions')).toEqual([
      { 'Fn::If': ['OwnAlarmTopic', { Ref: 'AlarmTopic' }, topic] },
    ]);
  });
});

describe('the dashboard', () => {
  test('is well-formed, and shows every function and every queue', () => {
    const [body, variables] = at(template.Resources['Dashboard'], 'Properties', 'DashboardBody', 'Fn::Sub') as readonly [string, object];
    const text = body.replaceAll(/\$\{[^}]+\}/g, 'x');
    expect(at(JSON.parse(text), 'widgets', 'length')).toBe(9);
    for (const [id] of resourcesOf(template, 'AWS::Lambda::Function')) expect(body).toContain(`\${${id}}`);
    const shown = Object.values(variables).map(referred);
    expect(shown.sort()).toEqual(
      resourcesOf(template, 'AWS::SQS::Queue')
        .map(([id]) => id)
        .sort(),
    );
    for (const name of Object.keys(variables)) expect(body).toContain(`\${${name}}`);
  });
});
