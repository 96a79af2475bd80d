// A second server that keeps the mirror contract: `node main.js` serves, `node main.js migrate` makes the tables.

import { Auth } from './auth.js';
import { Chats } from './chats.js';
import { Database, isUnavailable } from './db.js';
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

const LEAVE_WITHIN_MS = 9000;

async function serve(env) {
  const life = { serving: false, stopping: false };
  let stop; // known once there is something to stop
  const onSignal = () => (life.serving ? stop() : process.exit(0));
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);

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
  const shared = { chats, client, db, life, mirror, mitras, readers, settings };
  const apps = publicListener({ ...shared, auth: new Auth(db, env), offers: new Offers(db, readers, chats) });
  const control = internalListener({ ...shared, token: env.internalToken });

  settings.listen(subscriber, client);
  await timers.rebuild();
  await mirror.start();
  await apps.listen({ host: env.host, port: env.publicPort });
  await control.listen({ host: env.host, port: env.internalPort });
  sweeps.start(env);
  log(`[server] serving on ${env.host}:${env.publicPort} and ${env.internalPort}`);

  stop = async () => {
    if (life.stopping) return;
    life.stopping = true;
    setTimeout(() => process.exit(0), LEAVE_WITHIN_MS).unref();
    await Promise.all([apps.close(), control.close()]); // what is in flight is answered
    timers.stop();
    mirror.stop();
    await sweeps.stop();
    client.disconnect();
    subscriber.disconnect();
    await db.close();
    process.exit(0);
  };
  life.serving = true;
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
  const where = isUnavailable(error) ? 'Postgres of DATABASE_URL cannot be reached: ' : '';
  console.error(error instanceof BadSetting ? error.message : `cannot start: ${where}${error.message || error.code}`);
  process.exit(1);
}
