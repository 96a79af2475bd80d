// The connection to Valkey: one for commands, one for the subscription, neither ever queueing for later.

import { Redis } from 'ioredis';

export const KEY = {
  online: 'mitras:online',
  deactivated: 'mitras:deactivated',
  snapshot: 'availability:snapshot',
  capacity: (id) => `mitra:capacity:${id}`,
  heartbeat: (id) => `mitra:heartbeat:${id}`,
  seeded: 'mirror:seeded', // there since the last seed: its absence tells a FLUSHDB
  lease: 'mirror:snapshot-lease', // whoever holds it recomputes the snapshot
};
export const CHANNEL = 'config:invalidate';

const RECONNECT_EVERY_MS = 200;

/** A client that fails at once while there is no connection, and connects again for ever. */
export function openValkey(url) {
  const client = new Redis(url.replace(/^valkey/, 'redis'), {
    connectTimeout: 1000,
    commandTimeout: 700,
    retryStrategy: () => RECONNECT_EVERY_MS,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false, // a write of the past must not land in the present
    autoResubscribe: false, // subscribing again is an event here
    maxRetriesPerRequest: 0,
  });
  client.on('error', () => {}); // every command tells of it, and 'close' is listened to
  return client;
}

/** The replies of a pipeline or MULTI; the first error among them is thrown. */
export async function replies(batch) {
  const results = await batch.exec();
  for (const [error] of results) if (error) throw error;
  return results.map(([, reply]) => reply);
}

/** Every key of a pattern; Valkey is not blocked meanwhile. */
export async function scan(client, pattern) {
  const found = new Set();
  let cursor = '0';
  do {
    const [next, keys] = await client.scan(cursor, 'MATCH', pattern, 'COUNT', 1000);
    for (const key of keys) found.add(key);
    cursor = next;
  } while (cursor !== '0');
  return [...found];
}
