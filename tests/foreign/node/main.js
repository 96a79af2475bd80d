// A second server that keeps the mirror contract: `node main.js` serves, `node main.js migrate` makes the tables.

import { Auth } from './auth.js';
import { Chats } from './chats.js';
import { Database } from './db.js';
import { BadSetting, readEnvironment } from './env.js';
import { internalListener } from './internal.js';
import { log } from './log.js';
import { Mirror } from './mirror.js';
import { Mitras } from './mitras.js';
import { Offers } from './offers.js';
import { publicListener } from './public.js';
import { Readers } from './readers.js';
import { migrate } from './schema.js';
import { Settings } from './settings.js';
import { Sweeps } from './sweeps.js';
import { Timers } from './timers.js';
import { openValkey } from './valkey.js';

async function serve(env) {
  const db = new Database(env.databaseUrl);
  await migrate(db);
  const client = openValkey(env.valkeyUrl);
  const subscriber = openValkey(env.valkeyUrl);
  const settings = new Settings(db);
  const mirror = new Mirror(db, client, settings);
  const readers = new Readers(db, mirror, settings);
  const timers = new Timers(db, mirror, env.goodbyeWindow);
  const chats = new Chats(db, mirror, readers, settings, timers);
  const mitras = new Mitras(db, mirror);
  const sweeps = new Sweeps(db, mirror, settings);
  const life = { stopping: false };
  const shared = { chats, client, db, life, mirror, mitras, readers, settings };
  const listeners = [
    publicListener({ ...shared, auth: new Auth(db, env), offers: new Offers(db, readers, chats) }),
    internalListener({ ...shared, token: env.internalToken }),
  ];

  settings.listen(subscriber, client);
  await timers.rebuild();
  await mirror.start();
  await listeners[0].listen({ host: env.host, port: env.publicPort });
  await listeners[1].listen({ host: env.host, port: env.internalPort });
  sweeps.start(env);
  log(`[server] serving on ${env.host}:${env.publicPort} and ${env.internalPort}`);

  const stop = async () => {
    if (life.stopping) return;
    life.stopping = true;
    await listeners[0].close(); // answers what is in flight
    await listeners[1].close();
    timers.stop();
    mirror.stop();
    await sweeps.stop();
    client.disconnect();
    subscriber.disconnect();
    await db.close();
    process.exit(0);
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

async function migrateOnly(env) {
  const db = new Database(env.databaseUrl);
  await migrate(db);
  await db.close();
}

try {
  const env = readEnvironment(process.env);
  await (process.argv[2] === 'migrate' ? migrateOnly(env) : serve(env));
} catch (error) {
  const line = error instanceof BadSetting ? error.message : `cannot start: ${error.message || error.code || error}`;
  console.error(line);
  process.exit(1);
}
