import { StatementSync } from 'node:sqlite';

/**
 * Loaded into a server before its own code (`--import`): ends the process as a power cut would, at the moment at which it writes an event
 * of the type in `DIE_BEFORE_TYPE` to the stream in `DIE_BEFORE_STREAM`. What was acknowledged before is on the disk, and this is not.
 */
const { DIE_BEFORE_STREAM: stream = '', DIE_BEFORE_TYPE: type = '' } = process.env;
const { run } = StatementSync.prototype;
StatementSync.prototype.run = function (this: StatementSync, ...values: unknown[]) {
  if (values.includes(stream) && values.includes(type)) process.kill(process.pid, 'SIGKILL');
  return Reflect.apply(run, this, values);
};
