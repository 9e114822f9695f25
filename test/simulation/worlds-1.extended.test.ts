import { worldTests } from './world-tests.ts';

worldTests(301, 1800);
