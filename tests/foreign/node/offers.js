// The blast and its answers: a paid chat is offered to everyone available, and the first to accept has it.

import { lockSession, update } from './chats.js';
import { insist } from './errors.js';
import { STATUS } from './schema.js';

const OFFER = 'SELECT declined FROM app.offers WHERE chat_id = $1 AND counselor_id = $2';

export class Offers {
  constructor(db, readers, chats) {
    this.db = db;
    this.readers = readers;
    this.chats = chats;
  }

  /** Pays and blasts; again, free, when no open offer is left with anybody available. Who declined is not asked again. */
  async pay(id, customerId) {
    await this.chats.get(id, { customer_id: customerId });
    return this.db.transaction(async (tx) => {
      const session = await lockSession(tx, id);
      insist(session.status === STATUS.searching, 'INVALID_STATE', 'only a chat that is searching can be paid');
      const available = await this.readers.available(tx);
      const waiting = await tx.one(
        'SELECT 1 FROM app.offers WHERE chat_id = $1 AND counselor_id = ANY($2) AND NOT declined',
        [id, available],
      );
      insist(!waiting, 'INVALID_STATE', 'the chat is paid and offered already');
      const offered = await tx.query(
        `INSERT INTO app.offers (chat_id, counselor_id)
         SELECT $1, id FROM app.counselors WHERE id = ANY($2) AND enabled ON CONFLICT DO NOTHING RETURNING counselor_id`,
        [id, available],
      );
      insist(offered.length, 'NO_MITRA_AVAILABLE');
      const paid = await update(tx, id, { paid_at: session.paid_at ?? new Date() });
      return { ...paid, offered: offered.length };
    });
  }

  /** The open offers of a mitra. */
  open(mitraId) {
    return this.db.query(
      `SELECT s.id AS chat_session_id, s.duration_seconds FROM app.offers n
       JOIN app.chats s ON s.id = n.chat_id
       WHERE n.counselor_id = $1 AND NOT n.declined AND s.status = $2 AND s.counselor_id IS NULL ORDER BY s.paid_at, s.id`,
      [mitraId, STATUS.searching],
    );
  }

  async accept(id, mitraId) {
    let before;
    const after = await this.db.transaction(async (tx) => {
      before = await lockSession(tx, id);
      const offer = await tx.one(OFFER, [id, mitraId]);
      insist(before && offer, 'NOT_FOUND', 'no such offer');
      insist(!before.counselor_id, 'ALREADY_TAKEN');
      insist(before.status === STATUS.searching && !offer.declined, 'INVALID_STATE', 'this offer is closed');
      await this.chats.takeSeat(tx, mitraId);
      const ends_at = new Date(Date.now() + before.duration_seconds * 1000);
      return update(tx, id, { status: STATUS.active, counselor_id: mitraId, ends_at });
    });
    return this.chats.settle(before, after);
  }

  async decline(id, mitraId) {
    await this.db.transaction(async (tx) => {
      const session = await lockSession(tx, id);
      insist(session && (await tx.one(OFFER, [id, mitraId])), 'NOT_FOUND', 'no such offer');
      insist(session.counselor_id !== mitraId, 'INVALID_STATE', 'you have accepted this chat');
      const sql = 'UPDATE app.offers SET declined = true WHERE chat_id = $1 AND counselor_id = $2';
      await tx.query(sql, [id, mitraId]);
    });
  }
}
