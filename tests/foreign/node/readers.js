// Who asks for availability: Valkey answers, or, with a line in the log, Postgres by its looser rule.

import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import { isUnavailable } from './db.js';
import { log } from './log.js';
import { isUuid, parseMoment } from './moment.js';
import { COUNTED } from './schema.js';
import { KEY } from './valkey.js';

const SNAPSHOT_S = 10;
const LEASE_MS = 1000;
const RECOMPUTE_WITHIN_MS = 3000;

export class Readers {
  #flight = null;

  constructor(db, mirror, settings) {
    this.db = db;
    this.mirror = mirror;
    this.settings = settings;
  }

  /** `findAvailableMitras`: ids of those online and active, with room and a fresh heartbeat. */
  async available(source = this.db) {
    return this.#either(
      () => this.#availableInValkey(source),
      '[findAvailableMitras] valkey unavailable, falling back to Postgres',
      () => this.#availableInPostgres(source),
    );
  }

  /** `isMitraReachable`: online, active and with a fresh heartbeat. */
  async reachable(id, source = this.db) {
    return this.#either(
      async () => {
        const [online, deactivated, heartbeat] = await this.mirror.ask((pipeline) =>
          pipeline.sismember(KEY.online, id).sismember(KEY.deactivated, id).get(KEY.heartbeat(id)),
        );
        return Boolean(online && !deactivated && this.#isFresh(heartbeat));
      },
      '[isMitraReachable] valkey unavailable, falling back to DB',
      async () => {
        const sql = `SELECT 1 FROM app.counselors m JOIN app.presence s ON s.counselor_id = m.id
          WHERE m.id = $1 AND m.enabled AND s.is_online`;
        return (await source.one(sql, [id])) !== undefined;
      },
    );
  }

  /** The dashboard's number: all who are online, deactivated ones included. */
  async onlineCount() {
    return this.#either(
      async () => (await this.mirror.ask((pipeline) => pipeline.scard(KEY.online)))[0],
      '[dashboard] valkey unavailable, falling back to Postgres',
      async () => (await this.db.one('SELECT count(*) AS n FROM app.presence WHERE is_online')).n,
    );
  }

  /** The beacon's answer, shared by the cluster for ten seconds. */
  async beacon() {
    return this.#either(
      async () => {
        const [kept] = await this.mirror.ask((pipeline) => pipeline.get(KEY.snapshot));
        return parseSnapshot(kept) ?? (this.#flight ??= this.#recompute().finally(() => (this.#flight = null)));
      },
      '[beacon] valkey unavailable, falling back to Postgres',
      async () => snapshotOf(await this.#availableInPostgres(this.db)),
    );
  }

  async #either(inValkey, line, inPostgres) {
    try {
      return await inValkey();
    } catch (error) {
      if (isUnavailable(error) && this.mirror.warm) throw error; // Postgres, asked for a missing counter
      log(`${line}: ${error.message}`);
      return inPostgres();
    }
  }

  /** One of the cluster counts, under a lease; the others wait for what it writes. */
  async #recompute() {
    const deadline = Date.now() + RECOMPUTE_WITHIN_MS;
    const token = randomUUID();
    while (Date.now() < deadline) {
      const [lease, kept] = await this.mirror.ask((pipeline) =>
        pipeline.set(KEY.lease, token, 'PX', LEASE_MS, 'NX').get(KEY.snapshot),
      );
      const snapshot = parseSnapshot(kept) ?? (lease === 'OK' ? await this.#count() : null);
      if (lease === 'OK') await this.mirror.ask((pipeline) => pipeline.del(KEY.lease));
      if (snapshot) return snapshot;
      await sleep(20);
    }
    throw new Error('nobody recomputed the snapshot');
  }

  /** Counts and writes the snapshot, unless a setting changed meanwhile: then it is counted again by the next turn. */
  async #count() {
    const { version } = this.settings;
    const snapshot = snapshotOf(await this.#availableInValkey(this.db));
    if (version !== this.settings.version) return null;
    await this.mirror.ask((pipeline) => pipeline.set(KEY.snapshot, JSON.stringify(snapshot), 'EX', SNAPSHOT_S));
    return snapshot;
  }

  async #availableInValkey(source) {
    const [candidates] = await this.mirror.ask((pipeline) => pipeline.sdiff(KEY.online, KEY.deactivated));
    const ids = candidates.filter(isUuid);
    if (!ids.length) return [];
    const values = await this.mirror.ask((pipeline) => {
      for (const id of ids) pipeline.get(KEY.capacity(id)).get(KEY.heartbeat(id));
    });
    const fresh = ids
      .map((id, position) => ({ id, capacity: values[2 * position], heartbeat: values[2 * position + 1] }))
      .filter(({ heartbeat }) => this.#isFresh(heartbeat));
    const loads = await this.#loads(fresh, source);
    return fresh.map(({ id }) => id).filter((id) => loads.get(id) < this.settings.maximum);
  }

  /** The load by id: the counter's, or Postgres' where there is none. */
  async #loads(mitras, source) {
    const loads = new Map(mitras.map(({ id, capacity }) => [id, /^\d+$/.test(capacity) ? Number(capacity) : null]));
    const missing = [...loads].filter(([, load]) => load === null).map(([id]) => id);
    if (!missing.length) return loads;
    const sql = `SELECT counselor_id, count(*) AS load FROM app.chats
      WHERE counselor_id = ANY($1) AND status IN ${COUNTED} GROUP BY counselor_id`;
    const counted = new Map((await source.query(sql, [missing])).map((row) => [row.counselor_id, row.load]));
    for (const id of missing) loads.set(id, counted.get(id) ?? 0);
    return loads;
  }

  async #availableInPostgres(source) {
    const { max_customers_per_mitra: maximum } = await this.settings.load(source); // no messages arrive in an outage
    const sql = `SELECT m.id FROM app.counselors m JOIN app.presence s ON s.counselor_id = m.id
      LEFT JOIN app.chats c ON c.counselor_id = m.id AND c.status IN ${COUNTED}
      WHERE m.enabled AND s.is_online GROUP BY m.id HAVING count(c.id) < $1`;
    return (await source.query(sql, [maximum])).map(({ id }) => id);
  }

  #isFresh(heartbeat) {
    const at = parseMoment(heartbeat);
    return at !== null && Date.now() - at <= this.settings.staleAfterMs;
  }
}

const snapshotOf = (ids) => ({ available: ids.length > 0, count: ids.length });

function parseSnapshot(text) {
  try {
    const snapshot = JSON.parse(text);
    return typeof snapshot?.available === 'boolean' && Number.isInteger(snapshot.count) ? snapshot : null;
  } catch {
    return null; // written by nobody who knows the format: counted anew
  }
}
