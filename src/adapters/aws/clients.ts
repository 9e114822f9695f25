import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SQSClient } from '@aws-sdk/client-sqs';

/**
 * Without `throwOnRequestTimeout` the SDK only warns of a request that takes too long and waits on, for as long as the function lives.
 * A reply that takes three seconds, where milliseconds are usual, is as good as lost, and every request here may be repeated: four
 * tries fit twice into the half minute of `dispatch`, one series for its wakes and one for the bus. Sockets are kept alive, as is the
 * SDK's default.
 */
const requestHandler = { connectionTimeout: 1_000, requestTimeout: 3_000, throwOnRequestTimeout: true } as const;

/** Adapters try again themselves, as only they know which entry failed and what a lost reply means; a loop within theirs would multiply it. */
const triedByAdapters = { maxAttempts: 1, requestHandler } as const;

/** DynamoDB, for functions and for an operator's scripts. Region, credentials and endpoint come from the SDK's own environment; so below. */
export function dynamoClient(): DynamoDBClient {
  return new DynamoDBClient(triedByAdapters);
}

export function sqsClient(): SQSClient {
  return new SQSClient(triedByAdapters);
}

export function eventBridgeClient(): EventBridgeClient {
  return new EventBridgeClient(triedByAdapters);
}

/** Asked once in the life of a process, for one thing at a time: the three tries of the SDK are enough. */
export function secretsClient(): SecretsManagerClient {
  return new SecretsManagerClient({ maxAttempts: 3, requestHandler });
}
