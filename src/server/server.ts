import type { AddressInfo } from 'node:net';
import { systemClock } from '../adapters/system-clock.ts';
import type { Logger } from '../application/ports.ts';
import type { Runners } from '../application/runner.ts';
import { type AdmissionOptions, createAdmission } from './admission.ts';
import { createBridge } from './bridge.ts';
import { createEventClients } from './event-clients.ts';
import { createHost } from './host.ts';
import { requireKeys } from './secret-files.ts';
import type { Settings } from './settings.ts';

export type RunningServer = {
  /** Where it listens. */
  readonly url: string;
  /** Resolves when calls under way have ended, at most `waitMs` later, and everything is committed. */
  stop(waitMs: number): Promise<void>;
};

/** Requests being handled at once. Each waits for a commit, so far fewer than this are ever needed. */
const requestsAtOnce = 8_192;
/** Appends waiting for a commit: more than a second's worth means that the disk does not keep up. */
const appendsAtOnce = 50_000;
/** How long requests under way may take to be answered when the server stops. */
const answerWaitMs = 1_000;

/** Starts the single-node host: recovers what the last process left, then listens and runs tasks. */
export async function startServer(settings: Settings, logger: Logger, runners: Runners): Promise<RunningServer> {
  requireKeys(settings);
  const host = await createHost(settings, logger, runners);
  const { log } = host.storage;
  let phase: 'starting' | 'ready' | 'stopping' = 'starting';
  let requests = 0;
  const eventClients = createEventClients({ log, logger });
  const state: AdmissionOptions['state'] = () => {
    if (phase !== 'ready') return phase;
    return requests >= requestsAtOnce || log.backlog() >= appendsAtOnce ? 'overloaded' : 'ready';
  };

  const server = createBridge({
    logger,
    admit: createAdmission({ hasKeys: settings.apiKeys.length > 0, publicUrl: settings.publicUrl, state }),
    api: async (event) => {
      requests += 1;
      try {
        return await host.api(event);
      } finally {
        requests -= 1;
      }
    },
    stream: (event, answered, response) => {
      if (answered.streamsEvents !== true || event.method === 'HEAD') return false;
      eventClients.serve(event, response);
      return true;
    },
  });

  try {
    await listen(server, settings);
  } catch (error) {
    await host.stop(0);
    throw error;
  }
  const address = server.address() as AddressInfo;
  const url = urlOf(address, settings.host);
  if (settings.publicUrl === undefined && isEveryAddress(address.address)) {
    logger.warn('asynchronous targets are told to answer to an address that they cannot reach; set ERRAND_PUBLIC_URL', { url });
  }
  await host.start(url);
  phase = 'ready';
  return {
    url,
    async stop(waitMs) {
      phase = 'stopping';
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      eventClients.end();
      server.closeIdleConnections();
      // Requests under way are answered before the log is let go; each takes a commit, no longer.
      await Promise.race([closed, systemClock.sleep(answerWaitMs)]);
      await host.stop(waitMs);
      server.closeAllConnections();
    },
  };
}

function listen(server: ReturnType<typeof createBridge>, settings: Settings): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port: settings.port, host: settings.host, backlog: 4_096 }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** Listened on, they mean every address of this machine; called, they mean at most the caller's own (RFC 1122, section 3.2.1.3). */
function isEveryAddress(address: string): boolean {
  return address === '0.0.0.0' || address === '::';
}

function urlOf(address: AddressInfo, host: string): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${address.port}`;
}
