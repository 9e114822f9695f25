/** What a client of a service on this machine is told: it asks nobody who he is, and the client tries nothing again by itself. */
export const localAccess = { region: 'eu-west-1', credentials: { accessKeyId: 'local', secretAccessKey: 'local' }, maxAttempts: 1 };
