import { account, region } from '../stack/intrinsics.ts';

/** One thing that a function asked of AWS, in the terms of IAM. */
export type Call = { readonly action: string; readonly resource: string };

type Input = Readonly<Record<string, unknown>>;

const arn = (service: string, rest: string): string => `arn:aws:${service}:${region}:${account}:${rest}`;
const tableArn = (name: unknown): string => arn('dynamodb', `table/${String(name).replace(/^arn:.*:table\//, '')}`);
const list = (value: unknown): readonly Input[] => (Array.isArray(value) ? value : []);

/**
 * The permissions that a command needs
 * (https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazondynamodb.html and its neighbours): PartiQL and
 * transactions are judged by what each statement or item does, batches of SQS like their single forms.
 */
export function callsOf(service: string, command: string, input: Input): readonly Call[] {
  const operation = command.replace(/Command$/, '');
  switch (service) {
    case 'DynamoDB':
      return callsOfDynamoDb(operation, input);
    case 'SQS':
      return [
        { action: `sqs:${operation.replace(/Batch$/, '')}`, resource: arn('sqs', String(input['QueueUrl']).split('/').at(-1) ?? '') },
      ];
    case 'EventBridge':
      return list(input['Entries']).map(({ EventBusName }) => ({
        action: `events:${operation}`,
        resource: arn('events', `event-bus/${String(EventBusName ?? 'default').replace(/^arn:.*:event-bus\//, '')}`),
      }));
    case 'Secrets Manager':
      return [{ action: `secretsmanager:${operation}`, resource: String(input['SecretId']) }];
    default:
      return [{ action: `${service}:${operation}`, resource: '*' }];
  }
}

function callsOfDynamoDb(operation: string, input: Input): readonly Call[] {
  if (operation === 'ExecuteStatement') return [callOfStatement(input)];
  if (operation === 'BatchExecuteStatement') return list(input['Statements']).map(callOfStatement);
  if (operation === 'ExecuteTransaction') return list(input['TransactStatements']).map(callOfStatement);
  if (operation === 'TransactWriteItems' || operation === 'TransactGetItems') {
    return list(input['TransactItems']).flatMap((item) =>
      Object.entries(item).map(([kind, details]) => ({
        action: `dynamodb:${kind === 'ConditionCheck' ? 'ConditionCheckItem' : `${kind}Item`}`,
        resource: tableArn((details as Input)['TableName']),
      })),
    );
  }
  if (operation === 'BatchGetItem' || operation === 'BatchWriteItem') {
    return Object.keys((input['RequestItems'] ?? {}) as Input).map((name) => ({
      action: `dynamodb:${operation}`,
      resource: tableArn(name),
    }));
  }
  const index = input['IndexName'] === undefined ? '' : `/index/${String(input['IndexName'])}`;
  return [{ action: `dynamodb:${operation}`, resource: tableArn(input['TableName']) + index }];
}

function callOfStatement({ Statement }: Input): Call {
  const [, verb = '', table = '', index] =
    /^\s*(INSERT|SELECT|UPDATE|DELETE)\b[^"]*"([^"]+)"(?:\."([^"]+)")?/i.exec(String(Statement)) ?? [];
  const action = `dynamodb:PartiQL${verb.charAt(0).toUpperCase()}${verb.slice(1).toLowerCase()}`;
  return { action, resource: tableArn(table) + (index === undefined ? '' : `/index/${index}`) };
}

const writes = /^dynamodb:(?:Put|Update|Delete|BatchWrite|PartiQLInsert|PartiQLUpdate|PartiQLDelete)/;

/** Whether it may have put something on a stream. */
export function isWrite({ action }: Call): boolean {
  return writes.test(action);
}
