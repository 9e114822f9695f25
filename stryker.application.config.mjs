import { configFor } from './stryker.config.mjs';

export default configFor('application', 'test/application', null);
