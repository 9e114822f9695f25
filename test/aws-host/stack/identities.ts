import { account, type Identify, type Identity, region, stackName } from './intrinsics.ts';

const arn = (service: string, rest: string): string => `arn:aws:${service}:${region}:${account}:${rest}`;

/** How the two endings of Secrets Manager's and API Gateway's names, random on AWS, read here. */
const secretSuffix = 'local0';

/**
 * What `Ref` and `Fn::GetAtt` give for the resources of the template (each type's page in the CloudFormation reference, "Return values").
 * `queueUrl` is known once the queues' endpoint listens.
 */
export function identifyWith(queueUrl: (queueName: string) => string): Identify {
  return (logicalId, resource, resolve): Identity => {
    const nameFrom = (property: string): string => {
      const given = resource.Properties?.[property];
      return given === undefined ? `${stackName}-${logicalId}` : String(resolve(given));
    };
    switch (resource.Type) {
      case 'AWS::DynamoDB::Table': {
        const name = nameFrom('TableName');
        const table = arn('dynamodb', `table/${name}`);
        return { ref: name, attributes: { Arn: table, StreamArn: `${table}/stream/local` } };
      }
      case 'AWS::SQS::Queue': {
        const name = nameFrom('QueueName');
        const url = queueUrl(name);
        return { ref: url, attributes: { Arn: arn('sqs', name), QueueName: name, QueueUrl: url } };
      }
      case 'AWS::Lambda::Function': {
        const name = nameFrom('FunctionName');
        return { ref: name, attributes: { Arn: arn('lambda', `function:${name}`) } };
      }
      case 'AWS::Events::EventBus': {
        const name = nameFrom('Name');
        return { ref: name, attributes: { Arn: arn('events', `event-bus/${name}`), Name: name } };
      }
      case 'AWS::Events::Rule': {
        const name = nameFrom('Name');
        return { ref: name, attributes: { Arn: arn('events', `rule/${name}`) } };
      }
      case 'AWS::SecretsManager::Secret': {
        const id = arn('secretsmanager', `secret:${nameFrom('Name')}-${secretSuffix}`);
        return { ref: id, attributes: { Id: id } };
      }
      case 'AWS::S3::Bucket': {
        const name = nameFrom('BucketName');
        return { ref: name, attributes: { Arn: `arn:aws:s3:::${name}` } };
      }
      case 'AWS::IAM::Role': {
        const name = nameFrom('RoleName');
        return { ref: name, attributes: { Arn: `arn:aws:iam::${account}:role/${name}` } };
      }
      case 'AWS::Logs::LogGroup': {
        const name = nameFrom('LogGroupName');
        return { ref: name, attributes: { Arn: arn('logs', `log-group:${name}:*`) } };
      }
      case 'AWS::ApiGatewayV2::Api':
        return { ref: 'local', attributes: { ApiId: 'local', ApiEndpoint: `https://local.execute-api.${region}.amazonaws.com` } };
      default:
        return { ref: `${stackName}-${logicalId}`, attributes: {} };
    }
  };
}
