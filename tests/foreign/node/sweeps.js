// What happens by the clock: silent mitras are taken offline, heartbeats copied to Postgres, the mirror rebuilt.

import { log } from './log.js';
import { isUuid, parseMoment } from './moment.js';
import { KEY } from './valkey.js';

export class Sweeps {
  #timers = [];
  #running = new Set();

  constructor(db, mirror, settings) {
    this.db = db;
    this.mirror = mirror;
    this.settings = settings;
  }

  start({ sweepEvery, heartbeatMirrorEvery, reconcileEvery }) {
    this.#every(sweepEvery, 'auto-offline', () => this.takeOffline());
    this.#every(heartbeatMirrorEvery, 'heartbeat-mirror', () => this.mirrorHeartbeats());
    if (reconcileEvery) this.#every(reconcileEvery, 'valkey-mirror', () => this.reconcile());
  }

  #every(seconds, name, work) {
    const tick = () => {
      const run = work()
        .catch((error) => log(`[${name}] failed: ${error.message}`))
        .finally(() => this.#running.delete(run));
      this.#running.add(run);
    };
    this.#timers.push(setInterval(tick, seconds * 1000));
  }

  /** No further ticks; those that run are waited for. */
  async stop() {
    this.#timers.forEach(clearInterval);
    await Promise.all(this.#running);
  }

  /** Heartbeats of all online ids, with null where none can be read; throws unless Valkey holds a whole mirror. */
  async #heartbeats() {
    const [, online] = await this.mirror.ask((multi) => multi.exists(KEY.seeded).smembers(KEY.online), 'multi');
    return this.#heartbeatsOf(online.filter(isUuid));
  }

  async #heartbeatsOf(ids) {
    const [seeded, ...values] = await this.mirror.ask((multi) => {
      multi.exists(KEY.seeded);
      for (const id of ids) multi.get(KEY.heartbeat(id));
    }, 'multi');
    if (!seeded) throw new Error('it was emptied'); // not everybody fell silent
    return ids.map((id, position) => ({ id, at: parseMoment(values[position]) }));
  }

  async #silentAmong(heartbeats) {
    const limit = Date.now() - this.settings.staleAfterMs;
    return heartbeats.filter(({ at }) => at === null || at < limit).map(({ id }) => id);
  }

  async takeOffline() {
    const skip = (error) => log(`[auto-offline] valkey unavailable, skipping this tick: ${error.message}`);
    let heartbeats;
    try {
      heartbeats = await this.#heartbeats();
    } catch (error) {
      return skip(error);
    }
    await this.settings.load(); // one written straight into the table counts from here on
    const silent = await this.#silentAmong(heartbeats);
    if (!silent.length) return;
    const taken = await this.db.transaction(async (tx) => {
      await tx.query('SELECT id FROM app.counselors WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE', [silent]);
      let still;
      try {
        // A second look: somebody may have pinged while we waited for the locks.
        still = await this.#silentAmong(await this.#heartbeatsOf(silent));
      } catch (error) {
        skip(error);
        return [];
      }
      return this.#writeOffline(tx, still);
    });
    if (taken.length) log(`[auto-offline] taken offline: ${taken.join(' ')}`);
    // Ids that Postgres does not know are carried too, and so are gone.
    for (const id of silent) await this.mirror.carry('setOffline', id);
  }

  /** Leaves out who has toggled to online just now, and is not in the mirror yet. */
  async #writeOffline(tx, ids) {
    const rows = await tx.query(
      `UPDATE app.presence SET is_online = false WHERE counselor_id = ANY($1) AND is_online
       AND (last_seen_at IS NULL OR last_seen_at < now() - least($2::int, 2) * interval '1 s') RETURNING counselor_id`,
      [ids, this.settings.values.stale_after_seconds],
    );
    const taken = rows.map((row) => row.counselor_id);
    await tx.query("INSERT INTO app.presence_log (counselor_id, event) SELECT id, 'OFF' FROM unnest($1::uuid[]) id", [taken]);
    return taken;
  }

  async mirrorHeartbeats() {
    let known;
    try {
      known = (await this.#heartbeats()).filter(({ at }) => at !== null);
    } catch (error) {
      return log(`[heartbeat-mirror] valkey unavailable, skipping: ${error.message}`);
    }
    if (!known.length) return undefined;
    // Locked in one order by all instances, so that two of them never wait for each other.
    return this.db.query(
      `WITH pings AS (SELECT * FROM UNNEST($1::uuid[], $2::timestamptz[]) AS p (counselor_id, at)),
       locked AS (SELECT counselor_id FROM app.presence WHERE counselor_id = ANY($1) ORDER BY counselor_id FOR NO KEY UPDATE)
       UPDATE app.presence s SET last_seen_at = pings.at FROM pings JOIN locked USING (counselor_id)
       WHERE s.counselor_id = pings.counselor_id AND (s.last_seen_at IS NULL OR s.last_seen_at < pings.at)`,
      [known.map(({ id }) => id), known.map(({ at }) => new Date(at).toISOString())],
    );
  }

  async reconcile() {
    if (this.mirror.warm) await this.mirror.seed({ grace: false });
  }
}
