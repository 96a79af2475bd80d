// The life of a chat from the customer's order to its end; every step locks the session's row, mitras after it.

import { insist } from './errors.js';
import { COUNTED, STATUS } from './schema.js';

const counts = ({ status }) => status === STATUS.active || status === STATUS.pending_payment;
const LOAD = `SELECT count(*) AS n FROM app.chats WHERE counselor_id = $1 AND status IN ${COUNTED}`;

/** A session as the API shows it. */
export function view(row) {
  const { id, customer_id, counselor_id, status, duration_seconds, ends_at } = row;
  const name = Object.keys(STATUS).find((key) => STATUS[key] === status);
  return { id, customer_id, mitra_id: counselor_id, status: name, duration_seconds, ends_at };
}

export class Chats {
  constructor(db, mirror, readers, settings, timers) {
    this.db = db;
    this.mirror = mirror;
    this.readers = readers;
    this.settings = settings;
    this.timers = timers;
  }

  create(customerId, seconds) {
    const sql = `INSERT INTO app.chats (customer_id, status, duration_seconds, channel) VALUES ($1, $2, $3, 'app') RETURNING *`;
    return this.db.one(sql, [customerId, STATUS.searching, seconds]);
  }

  async get(id, owner) {
    return ownedBy(owner, await this.db.one('SELECT * FROM app.chats WHERE id = $1', [id]));
  }

  cancel(id, owner) {
    return this.#step(id, owner, (tx, session) => {
      insist(session.status === STATUS.searching, 'INVALID_STATE', 'only a chat that is searching can be cancelled');
      return update(tx, id, { status: STATUS.cancelled });
    });
  }

  /** Early: `ends_at` stays. */
  end(id, owner) {
    return this.#step(id, owner, (tx, session) => {
      insist(counts(session), 'INVALID_STATE', 'only a chat that has started can be ended');
      return update(tx, id, { status: STATUS.ended });
    });
  }

  goodbye(id, owner) {
    return this.#step(id, owner, (tx, session) => {
      insist(counts(session) && isOver(session), 'INVALID_STATE', 'the time of this chat is not up');
      return update(tx, id, { status: STATUS.ended });
    });
  }

  extend(id, owner, seconds) {
    return this.#step(id, owner, async (tx, session) => {
      const running = session.status === STATUS.active && session.counselor_id && session.ends_at && !isOver(session);
      insist(running, 'INVALID_STATE', 'only a running chat can be extended');
      insist(await this.readers.reachable(session.counselor_id, tx), 'MITRA_UNREACHABLE');
      return update(tx, id, { status: STATUS.pending_payment, extension_seconds: seconds });
    });
  }

  /** `ends_at` moves on from where it was. An extension by hand without a length is as long as the chat was. */
  payExtension(id, owner) {
    return this.#step(id, owner, (tx, session) => {
      const waiting = session.status === STATUS.pending_payment && !this.timers.isDue(session);
      insist(waiting, 'INVALID_STATE', 'no extension waits to be paid');
      const seconds = session.extension_seconds ?? session.duration_seconds;
      const ends_at = new Date((session.ends_at?.getTime() ?? Date.now()) + seconds * 1000);
      return update(tx, id, { status: STATUS.active, ends_at, extension_seconds: null });
    });
  }

  /** By an operator, to mitra B. */
  reroute(id, mitraId) {
    return this.#step(id, {}, async (tx, session) => {
      insist(await tx.one('SELECT 1 FROM app.counselors WHERE id = $1', [mitraId]), 'NOT_FOUND', 'no such mitra');
      const movable = session.status === STATUS.active && session.counselor_id && session.counselor_id !== mitraId;
      insist(movable, 'INVALID_STATE', 'only an active chat can be rerouted, to another mitra');
      insist(await this.readers.reachable(mitraId, tx), 'MITRA_UNREACHABLE');
      await this.takeSeat(tx, mitraId);
      return update(tx, id, { counselor_id: mitraId });
    });
  }

  /** Locks the mitra until the transaction's end; refuses unless they are active and one more chat fits. */
  async takeSeat(tx, mitraId) {
    const mitra = await tx.one('SELECT enabled FROM app.counselors WHERE id = $1 FOR NO KEY UPDATE', [mitraId]);
    insist(mitra.enabled, 'ACCOUNT_INACTIVE');
    const { max_customers_per_mitra: maximum } = await this.settings.load(tx);
    const { n } = await tx.one(LOAD, [mitraId]);
    insist(n < maximum, 'MITRA_AT_CAPACITY');
  }

  /** Everything that follows from a change once it is committed. */
  async settle(before, after) {
    this.timers.set(after);
    const mitras = new Set([before.counselor_id, after.counselor_id].filter(Boolean));
    for (const mitra of mitras) await this.mirror.carry('setCapacity', mitra);
    return after;
  }

  async #step(id, owner, work) {
    let before;
    const after = await this.db.transaction(async (tx) => {
      before = ownedBy(owner, await lockSession(tx, id));
      return work(tx, before);
    });
    return this.settle(before, after);
  }
}

export const lockSession = (tx, id) => tx.one('SELECT * FROM app.chats WHERE id = $1 FOR UPDATE', [id]);

/** Sets the columns named by the keys of `values`, which are never a user's; the row after it. */
export function update(tx, id, values) {
  const assignments = Object.keys(values).map((column, position) => `${column} = $${position + 2}`);
  return tx.one(`UPDATE app.chats SET ${assignments.join(', ')} WHERE id = $1 RETURNING *`, [id, ...Object.values(values)]);
}

function isOver({ ends_at }) {
  return ends_at !== null && ends_at <= new Date();
}

/** The row, if it exists and its columns are those of `owner`: `{customer_id}`, `{counselor_id}` or nobody's. */
function ownedBy(owner, row) {
  insist(row, 'NOT_FOUND', 'no such chat');
  for (const [column, id] of Object.entries(owner)) insist(row[column] === id, 'FORBIDDEN', 'not your chat');
  return row;
}
