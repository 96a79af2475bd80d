// Mitras: their toggle, their ping, and what an operator does to them.

import { isUuid, now } from './moment.js';
import { insist } from './errors.js';
import { log } from './log.js';
import { KEY } from './valkey.js';

export class Mitras {
  constructor(db, mirror) {
    this.db = db;
    this.mirror = mirror;
  }

  /** The row, or undefined: `id`, `phone`, `full_name`, `enabled`. */
  find(id) {
    return this.db.one('SELECT id, phone, full_name, enabled FROM app.counselors WHERE id = $1', [id]);
  }

  async status(id) {
    const row = await this.db.one('SELECT is_online, last_seen_at FROM app.presence WHERE counselor_id = $1', [id]);
    return { is_online: row?.is_online ?? false, last_heartbeat_at: row?.last_seen_at ?? null };
  }

  /** Goes online or offline; the state one is in already leaves no audit row, and online counts as a ping. */
  async toggle(id, online) {
    await this.db.transaction(async (tx) => {
      const mitra = await tx.one('SELECT enabled FROM app.counselors WHERE id = $1 FOR NO KEY UPDATE', [id]);
      insist(mitra, 'UNAUTHENTICATED');
      insist(mitra.enabled, 'ACCOUNT_INACTIVE');
      const before = await tx.one('SELECT is_online FROM app.presence WHERE counselor_id = $1', [id]);
      await tx.query(
        `INSERT INTO app.presence AS s (counselor_id, is_online, last_seen_at)
         VALUES ($1, $2, CASE WHEN $2 THEN now() END) ON CONFLICT (counselor_id)
         DO UPDATE SET is_online = $2, last_seen_at = coalesce(EXCLUDED.last_seen_at, s.last_seen_at)`,
        [id, online],
      );
      if ((before?.is_online ?? false) !== online) {
        await tx.query('INSERT INTO app.presence_log (counselor_id, event) VALUES ($1, $2)', [id, online ? 'ON' : 'OFF']);
      }
    });
    await this.mirror.carry(online ? 'setOnline' : 'setOffline', id, { pinged: online });
    return { is_online: online };
  }

  /** A ping: guard and one SET in Valkey; if Valkey fails, the full check in Postgres and no write. */
  async ping(id) {
    let seen;
    try {
      seen = await this.#pingValkey(id);
    } catch (error) {
      log(`[heartbeat] valkey check failed, falling back to DB: ${error.message}`);
      seen = await this.#pingPostgres(id);
    }
    insist(!seen.deactivated, 'ACCOUNT_INACTIVE');
    return { is_online: seen.online };
  }

  async #pingValkey(id) {
    const [deactivated, online] = await this.mirror.ask((pipeline) =>
      pipeline.sismember(KEY.deactivated, id).sismember(KEY.online, id),
    );
    if (deactivated || !online) return { deactivated, online: false };
    // XX: going offline deletes the key, so a ping that comes second does not bring it back.
    const [renewed] = await this.mirror.ask((pipeline) => pipeline.set(KEY.heartbeat(id), now(), 'XX'));
    return { deactivated: false, online: renewed === 'OK' || (await this.#pingAnew(id)) };
  }

  /** The key was lost, or the mitra has just gone offline: it is written only to stay if they are online still. */
  async #pingAnew(id) {
    const [, online] = await this.mirror.ask(
      (multi) => multi.set(KEY.heartbeat(id), now(), 'NX').sismember(KEY.online, id),
      'multi',
    );
    if (!online) await this.mirror.ask((pipeline) => pipeline.del(KEY.heartbeat(id)));
    return Boolean(online);
  }

  async #pingPostgres(id) {
    const sql = `SELECT m.enabled, s.is_online FROM app.counselors m LEFT JOIN app.presence s ON s.counselor_id = m.id
      WHERE m.id = $1`;
    const row = isUuid(id) ? await this.db.one(sql, [id]) : undefined;
    return { deactivated: row?.enabled === false, online: row?.is_online ?? false };
  }

  /** Deactivation revokes every sign-in in the same transaction; `is_online` stays as it is. */
  async setActive(id, active) {
    await this.db.transaction(async (tx) => {
      const found = await tx.one('UPDATE app.counselors SET enabled = $2 WHERE id = $1 RETURNING id', [id, active]);
      insist(found, 'NOT_FOUND', 'no such mitra');
      if (!active) {
        await tx.query('UPDATE app.sign_ins SET revoked_at = now() WHERE user_id = $1 AND revoked_at IS NULL', [id]);
      }
    });
    await this.mirror.carry(active ? 'setActive' : 'setDeactivated', id);
    return (await this.list(id))[0];
  }

  /** All of them, or the one asked for. */
  list(id = null) {
    return this.db.query(
      `SELECT m.id, m.full_name AS display_name, m.enabled AS is_active, coalesce(s.is_online, false) AS is_online
       FROM app.counselors m LEFT JOIN app.presence s ON s.counselor_id = m.id
       WHERE $1::uuid IS NULL OR m.id = $1 ORDER BY m.full_name, m.id`,
      [id],
    );
  }
}
