import { worldTests } from './world-tests.ts';

worldTests(1801, 3300);
