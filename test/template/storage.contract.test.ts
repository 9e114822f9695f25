import { describe, expect, test } from 'vitest';
import { packagedTemplate } from '../aws-host/package-template.ts';
import type { Template } from '../aws-host/stack/intrinsics.ts';
import { at, damaged, resourcesOf } from './template.ts';

const template = await packagedTemplate();
const propertiesOf = (id: string) => template.Resources[id]?.Properties;
const key = (name: string, range?: string) => [
  { AttributeName: name, KeyType: 'HASH' },
  ...(range === undefined ? [] : [{ AttributeName: range, KeyType: 'RANGE' }]),
];

/** What cannot be made again: without it, what is in the log is lost or cannot be read. */
const irreplaceable = ['EventsTable', 'BodiesTable', 'SigningSecret', 'SealingKeys', 'TokenKeys', 'GivenUpRecords'];

/** What a removed or replaced stack would take along, or a mistake could not be undone for. */
function losses(of: Template): readonly string[] {
  const released = irreplaceable.flatMap((id) =>
    ['DeletionPolicy', 'UpdateReplacePolicy']
      .filter((policy) => at(of.Resources[id], policy) !== 'Retain')
      .map((policy) => `${id}: ${policy}`),
  );
  const unprotected = ['EventsTable', 'BodiesTable'].flatMap((id) => {
    const properties = of.Resources[id]?.Properties;
    return [
      ...(at(properties, 'DeletionProtectionEnabled') === true ? [] : [`${id} can be deleted`]),
      ...(at(properties, 'PointInTimeRecoverySpecification', 'PointInTimeRecoveryEnabled') === true ? [] : [`${id} cannot be restored`]),
      // Events and bodies have no end.
      ...(at(properties, 'TimeToLiveSpecification') === undefined ? [] : [`${id} forgets`]),
    ];
  });
  return [...released, ...unprotected];
}

describe('the tables', () => {
  test('of the log are kept, whatever happens to the stack', () => {
    expect(losses(template)).toEqual([]);
  });
  test.each([
    ['a log that goes with its stack', ['EventsTable', 'DeletionPolicy'], 'Delete'],
    ['bodies that are left out of a replacement', ['BodiesTable', 'UpdateReplacePolicy'], undefined],
    ['keys that go with their stack', ['SealingKeys', 'DeletionPolicy'], undefined],
    ['a log that can be deleted', ['EventsTable', 'Properties', 'DeletionProtectionEnabled'], false],
    ['a log that cannot be restored', ['EventsTable', 'Properties', 'PointInTimeRecoverySpecification'], undefined],
    ['events that expire', ['EventsTable', 'Properties', 'TimeToLiveSpecification'], { AttributeName: 'at', Enabled: true }],
  ])('the check sees %s', (_fault, steps, value) => {
    expect(losses(damaged(template, ['Resources', ...steps], value))).toHaveLength(1);
  });

  test('are encrypted, and paid for by use', () => {
    for (const [id, { Properties }] of resourcesOf(template, 'AWS::DynamoDB::Table')) {
      expect(at(Properties, 'SSESpecification', 'SSEEnabled'), id).toBe(true);
      expect(at(Properties, 'BillingMode'), id).toBe('PAY_PER_REQUEST');
    }
  });
  // The same shapes as in test/support/dynoxide.ts, on which the adapters are tested.
  test('of the log have a version, and one of them a stream', () => {
    expect(at(propertiesOf('EventsTable'), 'KeySchema')).toEqual(key('pk', 'sk'));
    expect(at(propertiesOf('EventsTable'), 'AttributeDefinitions')).toEqual([
      { AttributeName: 'pk', AttributeType: 'S' },
      { AttributeName: 'sk', AttributeType: 'N' },
    ]);
    expect(at(propertiesOf('EventsTable'), 'StreamSpecification')).toEqual({ StreamViewType: 'NEW_IMAGE' });
    expect(at(propertiesOf('BodiesTable'), 'KeySchema')).toEqual(key('pk', 'sk'));
    expect(at(propertiesOf('BodiesTable'), 'AttributeDefinitions')).toEqual([
      { AttributeName: 'pk', AttributeType: 'S' },
      { AttributeName: 'sk', AttributeType: 'S' },
    ]);
    expect(at(propertiesOf('BodiesTable'), 'StreamSpecification')).toBeUndefined();
  });
  test('of the views have both indexes, and forget minutes', () => {
    const views = propertiesOf('ViewsTable');
    expect(at(views, 'KeySchema')).toEqual(key('pk'));
    expect(at(views, 'GlobalSecondaryIndexes')).toEqual([
      {
        IndexName: 'due',
        KeySchema: key('dueShard', 'dueAt'),
        Projection: { ProjectionType: 'INCLUDE', NonKeyAttributes: ['version', 'lane', 'target'] },
      },
      {
        IndexName: 'list',
        KeySchema: key('listShard', 'order'),
        Projection: { ProjectionType: 'INCLUDE', NonKeyAttributes: ['status', 'labels'] },
      },
    ]);
    expect(at(views, 'TimeToLiveSpecification')).toEqual({ Enabled: true, AttributeName: 'expiresAt' });
  });
});

describe('the secrets', () => {
  test('are three, of 256 bits each, in the digits that the functions read', () => {
    const secrets = resourcesOf(template, 'AWS::SecretsManager::Secret');
    expect(secrets.map(([id]) => id)).toEqual(['SigningSecret', 'SealingKeys', 'TokenKeys']);
    for (const [, { Properties }] of secrets) {
      const made = at(Properties, 'GenerateSecretString');
      const excluded = String(at(made, 'ExcludeCharacters'));
      const letters = [...'abcdefghijklmnopqrstuvwxyz'].filter((letter) => !excluded.includes(letter));
      expect(letters.join('')).toBe('abcdef');
      expect(made).toMatchObject({
        PasswordLength: 64,
        ExcludeUppercase: true,
        ExcludePunctuation: true,
        IncludeSpace: false,
        RequireEachIncludedType: false,
      });
    }
  });
});

describe('the bucket of what was given up on', () => {
  test('is closed, encrypted, and forgets after a while', () => {
    const bucket = propertiesOf('GivenUpRecords');
    expect(Object.values(at(bucket, 'PublicAccessBlockConfiguration') as object)).toEqual([true, true, true, true]);
    expect(at(bucket, 'BucketEncryption')).toBeDefined();
    expect(at(bucket, 'LifecycleConfiguration', 'Rules', 0, 'ExpirationInDays')).toBe(90);
    const [statement] = at(propertiesOf('GivenUpRecordsPolicy'), 'PolicyDocument', 'Statement') as readonly unknown[];
    expect(statement).toMatchObject({ Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } });
  });
});
