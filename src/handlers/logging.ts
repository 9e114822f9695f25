import { Logger as PowertoolsLogger } from '@aws-lambda-powertools/logger';
import type { Logger } from '../application/ports.ts';
import type { InvocationContext } from './lambda.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

const levels = { debug: 'DEBUG', info: 'INFO', warn: 'WARN', error: 'ERROR', silent: 'SILENT' } as const;

/** JSON lines on standard output, from where Lambda takes them; each carries the function and, once told, the request. */
export function createLogging(service: string, level: LogLevel): { readonly logger: Logger; begin(context: InvocationContext): void } {
  const lines = new PowertoolsLogger({ serviceName: service, logLevel: levels[level] });
  return {
    logger: {
      info: (message, fields) => lines.info(message, { ...fields }),
      warn: (message, fields) => lines.warn(message, { ...fields }),
      error: (message, fields) => lines.error(message, { ...fields }),
    },
    begin: ({ awsRequestId }) => {
      if (awsRequestId !== undefined) lines.appendKeys({ requestId: awsRequestId });
    },
  };
}
