import { hash } from 'node:crypto';
import type { Digest } from '../../application/ports.ts';

/** SHA-256 in base64url; text is taken as UTF-8. */
export const sha256Digest: Digest = { sha256: (bytes) => hash('sha256', bytes, 'base64url') };
