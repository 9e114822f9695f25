import pino from 'pino';
import type { Logger } from '../application/ports.ts';
import type { Settings } from './settings.ts';

/** JSON lines on standard error: standard output belongs to the ready line. */
export function createLogger(level: Settings['logLevel']): Logger {
  const logger = pino({ level, base: null }, pino.destination({ fd: 2, sync: false, minLength: 0 }));
  return {
    info: (message, fields) => logger.info(fields ?? {}, message),
    warn: (message, fields) => logger.warn(fields ?? {}, message),
    error: (message, fields) => logger.error(fields ?? {}, message),
  };
}
