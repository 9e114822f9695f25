import { describe } from 'vitest';
import { awsFront, serverFront } from '../../support/fuzz/fronts.ts';
import { fuzz } from '../../support/fuzz/laws.ts';

/** Of each kind, to each route, on each front: thousands in all. */
const numRuns = 40;

describe("through the server's listener", () => fuzz(serverFront, numRuns));
describe('through the functions behind API Gateway', () => fuzz(awsFront, numRuns));
