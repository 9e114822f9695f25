import { covers, type Grant, type Privileges, type RecordedCall, type Surroundings } from './grants.ts';

/** Grants that no code of ours uses: what AWS does by itself under the role of a function. */
export type Exemption = {
  readonly actions: readonly string[];
  /** The resources of a function for which it holds; none for functions that it is not about. */
  readonly on: (surroundings: Surroundings) => readonly string[];
  readonly because: string;
};

const isQueue = (arn: string): boolean => arn.startsWith('arn:aws:sqs:');
const isStream = (arn: string): boolean => arn.includes('/stream/');

export const exemptions: readonly Exemption[] = [
  {
    actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
    on: ({ logGroup }) => [logGroup],
    because: 'Lambda writes what a function prints to its log group',
  },
  {
    actions: ['dynamodb:DescribeStream', 'dynamodb:GetRecords', 'dynamodb:GetShardIterator', 'dynamodb:ListStreams'],
    on: ({ sources }) => sources.filter(isStream),
    because: 'the poller of a mapping reads the stream (Lambda developer guide, "Process DynamoDB records with Lambda")',
  },
  {
    actions: ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'],
    on: ({ sources }) => sources.filter(isQueue),
    because:
      'the poller of a mapping receives the messages, and deletes those that were handled (Lambda developer guide, "Using Lambda with Amazon SQS")',
  },
  {
    actions: ['s3:ListBucket'],
    on: ({ destinations }) => destinations,
    because:
      'the poller of a mapping looks for the bucket before it leaves a batch there (Lambda developer guide, "Retaining discarded batches")',
  },
  {
    actions: ['s3:PutObject'],
    on: ({ destinations }) => destinations.map((bucket) => `${bucket}/aws/lambda/*`),
    because: 'the poller of a mapping leaves there what it gave up on (same guide)',
  },
];

const exempts = ({ surroundings }: Privileges, { actions, on }: Exemption, grant: Grant): boolean => {
  const around = surroundings.get(grant.function);
  return actions.includes(grant.action) && around !== undefined && on(around).includes(grant.resource);
};

/** Whether AWS itself is why a grant is there. */
export function isExempt(privileges: Privileges, grant: Grant): boolean {
  return exemptions.some((exemption) => exempts(privileges, exemption, grant));
}

/** The grants that no call used and no exemption explains, in words. */
export function unusedGrants(privileges: Privileges, calls: readonly RecordedCall[]): readonly string[] {
  return privileges.grants
    .filter((grant) => !isExempt(privileges, grant) && !calls.some((call) => covers(grant, call)))
    .map(({ role, sid, action, resource }) => `${role} ${sid}: nothing used ${action} on ${resource}`)
    .sort();
}

/** The exemptions, each action by itself, that explain no grant any more. */
export function staleExemptions(privileges: Privileges): readonly string[] {
  return exemptions.flatMap((exemption) =>
    exemption.actions
      .filter((action) => !privileges.grants.some((grant) => grant.action === action && exempts(privileges, exemption, grant)))
      .map((action) => `${action}: ${exemption.because}`),
  );
}
