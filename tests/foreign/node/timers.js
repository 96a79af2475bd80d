// One timer for each chat that counts: it ends the chat when its time and its goodbye window are up.

import { log } from './log.js';
import { COUNTED, STATUS } from './schema.js';

const LONGEST_MS = 2 ** 31 - 1; // of setTimeout; a longer wait takes another round
const RETRY_MS = 1000;

export class Timers {
  #timers = new Map();
  #stopped = false;

  constructor(db, mirror, windowSeconds) {
    this.db = db;
    this.mirror = mirror;
    this.windowMs = windowSeconds * 1000;
  }

  /** From the rows, at a start. */
  async rebuild() {
    const rows = await this.db.query(`SELECT * FROM app.chats WHERE status IN ${COUNTED}`);
    for (const row of rows) this.set(row);
  }

  /** Follows the row's state: a timer for one that counts, none for another. */
  set({ id, status, ends_at }) {
    const runs = ends_at && (status === STATUS.active || status === STATUS.pending_payment);
    this.#arm(id, runs ? this.#dueIn(ends_at) : null);
  }

  isDue({ ends_at }) {
    return ends_at !== null && this.#dueIn(ends_at) <= 0;
  }

  #dueIn(endsAt) {
    return endsAt.getTime() + this.windowMs - Date.now();
  }

  #arm(id, delayMs) {
    clearTimeout(this.#timers.get(id));
    this.#timers.delete(id);
    if (delayMs === null || this.#stopped) return;
    const delay = Math.min(Math.max(delayMs, 0), LONGEST_MS);
    this.#timers.set(id, setTimeout(() => this.#fire(id), delay));
  }

  /** Another instance may have changed the row: it is ended only if its time is up by what it says now. */
  async #fire(id) {
    try {
      const row = await this.db.transaction(async (tx) => {
        const session = await tx.one(`SELECT * FROM app.chats WHERE id = $1 AND status IN ${COUNTED} FOR UPDATE`, [id]);
        if (!session || !this.isDue(session)) return session;
        return tx.one('UPDATE app.chats SET status = $2 WHERE id = $1 RETURNING *', [id, STATUS.ended]);
      });
      if (row) this.set(row);
      if (row?.status === STATUS.ended && row.counselor_id) await this.mirror.carry('setCapacity', row.counselor_id);
    } catch (error) {
      log(`[timers] ${id}: ${error.message}`);
      this.#arm(id, RETRY_MS);
    }
  }

  stop() {
    this.#stopped = true;
    for (const timer of this.#timers.values()) clearTimeout(timer);
  }
}
