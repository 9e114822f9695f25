// In bundles this stands for undici (`alias` in serverless.yml): the two parts of it that are used. Its entry file loads all of it, with
// fetch, caches, web sockets and mocks, and is of a form of which nothing can be left out. By their path, as the alias would catch the name.
import buildConnector from '../../node_modules/undici/lib/core/connect.js';
import Client from '../../node_modules/undici/lib/dispatcher/client.js';

export { buildConnector, Client };
