import { randomBytes, randomFillSync, randomInt } from 'node:crypto';
import type { Clock, Ids } from '../../application/ports.ts';

const bytesPerId = 8;
/** Random bytes are drawn for this many ids at a time: a call into the generator costs more than an id. */
const idsPerDraw = 512;
/** The 12 bits of `rand_a`, used as a counter within a millisecond (RFC 9562, section 6.2, method 1). */
const counterEnd = 0x1000;
/** A new millisecond starts in the lower half, so at least 2,048 ids fit before the next one is borrowed. */
const counterStartEnd = 0x800;

/** 96 bits: two processes of a lifetime of processes do not meet. */
const prefixBytes = 12;

/** UUIDv7 (RFC 9562, section 5.7) that never go backwards within a process, also when the clock does. */
function createTaskIds(clock: Clock): () => string {
  const pool = Buffer.alloc(bytesPerId * idsPerDraw);
  let used = pool.length;
  let millisecond = -1;
  let counter = 0;

  return () => {
    const now = Math.floor(clock.now());
    if (now > millisecond) {
      millisecond = now;
      counter = randomInt(counterStartEnd);
    } else {
      counter += 1;
      if (counter === counterEnd) {
        // More ids than one millisecond holds: borrow the next one.
        millisecond += 1;
        counter = randomInt(counterStartEnd);
      }
    }
    if (used === pool.length) {
      randomFillSync(pool);
      used = 0;
    }
    const time = millisecond.toString(16).padStart(12, '0');
    const sequence = counter.toString(16).padStart(3, '0');
    // The two highest bits are the variant, 10.
    pool.writeUInt8((pool.readUInt8(used) & 0x3f) | 0x80, used);
    const random = pool.toString('hex', used, used + bytesPerId);
    used += bytesPerId;
    return `${time.slice(0, 8)}-${time.slice(8)}-7${sequence}-${random.slice(0, 4)}-${random.slice(4)}`;
  };
}

/**
 * Task ids are UUIDv7, increasing within a process. Commit ids are a random prefix of the process and a counter: unique, and nearly
 * free, because every append needs one. The prefix is drawn here, so a process must not be copied after start (no memory snapshots).
 */
export function createRandomIds(clock: Clock): Ids {
  const prefix = randomBytes(prefixBytes).toString('base64url');
  let commits = 0;
  return {
    taskId: createTaskIds(clock),
    commitId: () => {
      commits += 1;
      return `${prefix}.${commits.toString(36)}`;
    },
  };
}
