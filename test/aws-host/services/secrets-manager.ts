import { z } from 'zod';
import { type Operations, ServiceError } from './json-endpoint.ts';

const getSecretValue = z.object({ SecretId: z.string() });

/** Secrets Manager, as far as functions read from it: secrets by their ARN. */
export function secretsManager(secrets: ReadonlyMap<string, string>): Operations {
  return {
    'secretsmanager.GetSecretValue': async (input) => {
      const { SecretId } = getSecretValue.parse(input);
      const SecretString = secrets.get(SecretId);
      if (SecretString === undefined) throw new ServiceError('ResourceNotFoundException', `there is no secret ${SecretId}`);
      return { ARN: SecretId, Name: SecretId, SecretString, VersionId: 'local', VersionStages: ['AWSCURRENT'] };
    },
  };
}
