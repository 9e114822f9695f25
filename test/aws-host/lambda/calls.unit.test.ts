import { describe, expect, test } from 'vitest';
import { callsOf, isWrite } from './calls.ts';

const table = (name: string, index = '') => `arn:aws:dynamodb:eu-west-1:000000000000:table/${name}${index}`;
const asText = (service: string, command: string, input: object) =>
  callsOf(service, command, input as Record<string, unknown>).map(({ action, resource }) => `${action} ${resource}`);

describe('the permissions that a command needs', () => {
  test('are those of its statements', () => {
    const Statements = [{ Statement: `INSERT INTO "events" VALUE {'pk': ?}` }, { Statement: `SELECT * FROM "views"."due" WHERE "a"=?` }];
    expect(asText('DynamoDB', 'BatchExecuteStatementCommand', { Statements })).toEqual([
      `dynamodb:PartiQLInsert ${table('events')}`,
      `dynamodb:PartiQLSelect ${table('views', '/index/due')}`,
    ]);
    expect(asText('DynamoDB', 'ExecuteStatementCommand', { Statement: `DELETE FROM "events" WHERE "pk"=?` })).toEqual([
      `dynamodb:PartiQLDelete ${table('events')}`,
    ]);
  });
  test('are those of the items of a transaction', () => {
    const TransactItems = [
      { Put: { TableName: 'views' } },
      { ConditionCheck: { TableName: 'views' } },
      { Update: { TableName: 'events' } },
    ];
    expect(asText('DynamoDB', 'TransactWriteItemsCommand', { TransactItems })).toEqual([
      `dynamodb:PutItem ${table('views')}`,
      `dynamodb:ConditionCheckItem ${table('views')}`,
      `dynamodb:UpdateItem ${table('events')}`,
    ]);
  });
  test('are about the table, the index, or each table of a batch', () => {
    expect(asText('DynamoDB', 'QueryCommand', { TableName: 'events' })).toEqual([`dynamodb:Query ${table('events')}`]);
    expect(asText('DynamoDB', 'QueryCommand', { TableName: table('views'), IndexName: 'due' })).toEqual([
      `dynamodb:Query ${table('views', '/index/due')}`,
    ]);
    expect(asText('DynamoDB', 'BatchGetItemCommand', { RequestItems: { a: {}, b: {} } })).toEqual([
      `dynamodb:BatchGetItem ${table('a')}`,
      `dynamodb:BatchGetItem ${table('b')}`,
    ]);
  });
  test('are those of the single form of a batch of SQS', () => {
    expect(asText('SQS', 'SendMessageBatchCommand', { QueueUrl: 'http://127.0.0.1:1/000000000000/wake' })).toEqual([
      'sqs:SendMessage arn:aws:sqs:eu-west-1:000000000000:wake',
    ]);
  });
  test('are about the bus of each entry, and about the secret', () => {
    expect(asText('EventBridge', 'PutEventsCommand', { Entries: [{ EventBusName: 'errand' }, {}] })).toEqual([
      'events:PutEvents arn:aws:events:eu-west-1:000000000000:event-bus/errand',
      'events:PutEvents arn:aws:events:eu-west-1:000000000000:event-bus/default',
    ]);
    expect(asText('Secrets Manager', 'GetSecretValueCommand', { SecretId: 'arn:secret' })).toEqual([
      'secretsmanager:GetSecretValue arn:secret',
    ]);
  });
});

test.each([
  ['dynamodb:PartiQLInsert', true],
  ['dynamodb:UpdateItem', true],
  ['dynamodb:PartiQLSelect', false],
  ['dynamodb:Query', false],
  ['sqs:SendMessage', false],
])('%s puts something on a stream: %s', (action, writes) => {
  expect(isWrite({ action, resource: '*' })).toBe(writes);
});
