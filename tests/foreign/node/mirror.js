// The mirror's state and its writers: write-through of one mitra, and the seed that rebuilds everything.
//
// Writers of all instances meet at advisory locks of Postgres. Who carries one mitra over holds that mitra's lock while it
// reads the truth and writes it to Valkey; a seed holds the lock that excludes them all. So no older truth overwrites a newer.

import { setTimeout as sleep } from 'node:timers/promises';

import { log } from './log.js';
import { now, parseMoment } from './moment.js';
import { COUNTED } from './schema.js';
import { KEY, replies, scan } from './valkey.js';

const SEED_LOCK = 7_302;
const MITRA_LOCK = 7_303; // with a hash of the id
const LOOK_EVERY_MS = 500;
const FAILING_FOR_MS = 1000;
const START_WAITS_MS = 3000;

const TRUTH = `
SELECT m.id, m.enabled, coalesce(s.is_online, false) AS is_online,
  (SELECT count(*) FROM app.chats c WHERE c.counselor_id = m.id AND c.status IN ${COUNTED}) AS load
FROM app.counselors m LEFT JOIN app.presence s ON s.counselor_id = m.id`;

export class Mirror {
  #failingSince = null;
  #losses = 0; // tells a seed that the connection went away under it
  #stopped = new AbortController();

  constructor(db, client, settings) {
    this.db = db;
    this.client = client;
    this.settings = settings;
    this.warm = false; // only then Valkey is asked; else Postgres answers
    client.on('close', () => this.#lose('the connection is lost'));
  }

  /** Replies of what `fill` puts into a pipeline (or MULTI); throws unless Valkey can be trusted and answered all of it. */
  async ask(fill, kind = 'pipeline') {
    if (!this.warm) throw new Error('the mirror is cold');
    return this.#run(fill, kind);
  }

  async #run(fill, kind) {
    const batch = kind === 'multi' ? this.client.multi() : this.client.pipeline();
    fill(batch);
    try {
      const answered = await replies(batch);
      this.#failingSince = null;
      return answered;
    } catch (error) {
      this.#failingSince ??= Date.now();
      if (Date.now() - this.#failingSince > FAILING_FOR_MS) this.#lose(`every command fails: ${error.message}`);
      throw error;
    }
  }

  #lose(why) {
    this.#losses += 1;
    if (this.warm) log(`[valkey] outage: ${why}`);
    this.warm = false;
  }

  /** Writes the truth about one mitra; best effort: `action` and the error go to the log. `pinged`: its heartbeat is now. */
  async carry(action, id, { pinged = false } = {}) {
    try {
      if (this.client.status !== 'ready') throw new Error('no connection to Valkey');
      await this.db.transaction(async (tx) => {
        await tx.query('SELECT pg_advisory_xact_lock_shared($1)', [SEED_LOCK]);
        await tx.query('SELECT pg_advisory_xact_lock($1, hashtext($2))', [MITRA_LOCK, id]);
        const mitra = (await tx.one(`${TRUTH} WHERE m.id = $1`, [id])) ?? { id, is_online: false, enabled: true };
        await this.#run((multi) => {
          if (mitra.enabled) multi.srem(KEY.deactivated, id);
          else multi.sadd(KEY.deactivated, id);
          if (!mitra.is_online) return multi.srem(KEY.online, id).del(KEY.capacity(id), KEY.heartbeat(id));
          if (pinged) multi.set(KEY.heartbeat(id), now());
          return multi.set(KEY.capacity(id), mitra.load).sadd(KEY.online, id);
        }, 'multi');
      });
    } catch (error) {
      log(`[valkey-mirror] ${action} ${id} failed: ${error.message}`);
    }
  }

  /** Rebuilds the mirror from Postgres. `grace`: every online mitra's heartbeat becomes now; else only a missing one. */
  async seed({ grace }) {
    const losses = this.#losses;
    await this.settings.load();
    const counts = await this.db.transaction(async (tx) => {
      await tx.query('SELECT pg_advisory_xact_lock($1)', [SEED_LOCK]);
      const mitras = await tx.query(TRUTH);
      const online = mitras.filter((mitra) => mitra.is_online);
      const deactivated = mitras.filter((mitra) => !mitra.enabled);
      const silent = grace ? online : await this.#withoutHeartbeat(online);
      const leftovers = await this.#leftovers(new Set(online.map(({ id }) => id)));
      await this.#run((multi) => {
        multi.del(KEY.online, KEY.deactivated, KEY.snapshot, KEY.lease, ...leftovers);
        if (online.length) multi.sadd(KEY.online, ...online.map(({ id }) => id));
        if (deactivated.length) multi.sadd(KEY.deactivated, ...deactivated.map(({ id }) => id));
        for (const { id, load } of online) multi.set(KEY.capacity(id), load);
        for (const { id } of silent) multi.set(KEY.heartbeat(id), now());
        multi.set(KEY.seeded, now());
      }, 'multi');
      return [online.length, deactivated.length, mitras.filter((mitra) => mitra.load > 0).length];
    });
    this.warm = losses === this.#losses;
    const [online, deactivated, busy] = counts;
    log(`[valkey-mirror] seed: ${online} online, ${deactivated} deactivated, ${busy} with active sessions`);
  }

  async #withoutHeartbeat(online) {
    if (!online.length) return [];
    const [heartbeats] = await this.#run((pipeline) => pipeline.mget(online.map(({ id }) => KEY.heartbeat(id))));
    return online.filter((_, position) => parseMoment(heartbeats[position]) === null);
  }

  /** Heartbeat and capacity keys of nobody who is online. */
  async #leftovers(online) {
    const keys = [];
    for (const key of [KEY.capacity, KEY.heartbeat]) {
      const prefix = key('');
      keys.push(...(await scan(this.client, `${prefix}*`)).filter((name) => !online.has(name.slice(prefix.length))));
    }
    return keys;
  }

  /** The first seed: waits a little for Valkey; without it the server starts cold. */
  async start() {
    const deadline = Date.now() + START_WAITS_MS;
    while (this.client.status !== 'ready' && Date.now() < deadline) await sleep(20);
    await this.#look();
    if (!this.warm) log('[valkey] not there at the start: Postgres answers until it is');
    this.#watch();
  }

  async #watch() {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      await sleep(LOOK_EVERY_MS, undefined, { signal }).catch(() => {});
      if (!signal.aborted) await this.#look();
    }
  }

  /** One look at Valkey: a FLUSHDB is noticed, an outage ended by a seed. */
  async #look() {
    if (this.client.status !== 'ready') return;
    try {
      if (this.warm) {
        const [seeded] = await this.#run((pipeline) => pipeline.exists(KEY.seeded));
        if (!seeded) this.#lose('it was emptied');
      }
      if (!this.warm) await this.seed({ grace: true });
    } catch (error) {
      log(`[valkey] cannot be used: ${error.message}`);
    }
  }

  stop() {
    this.#stopped.abort();
  }
}
