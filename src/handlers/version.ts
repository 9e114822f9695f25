import manifest from '../../package.json' with { type: 'json' };

/** The version in package.json, which the bundler puts in. */
export const version: string = manifest.version;
