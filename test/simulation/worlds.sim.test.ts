import { worldTests } from './world-tests.ts';

// The same worlds at every run; `npm run simulate` looks for others.
worldTests(1, 300);
