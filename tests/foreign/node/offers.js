// The blast and its answers: a paid chat is offered to everyone available, and the first to accept has it.

import { lockSession, update } from './chats.js';
import { insist } from './errors.js';
import { STATUS } from './schema.js';

const OFFER = 'SELECT declined FROM chat_request_notifications WHERE chat_session_id = $1 AND mitra_id = $2';

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
        'SELECT 1 FROM chat_request_notifications WHERE chat_session_id = $1 AND mitra_id = ANY($2) AND NOT declined',
        [id, available],
      );
      insist(!waiting, 'INVALID_STATE', 'the chat is paid and offered already');
      const offered = await tx.query(
        `INSERT INTO chat_request_notifications (chat_session_id, mitra_id)
         SELECT $1, id FROM mitras WHERE id = ANY($2) AND is_active ON CONFLICT DO NOTHING RETURNING mitra_id`,
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
      `SELECT s.id AS chat_session_id, s.duration_seconds FROM chat_request_notifications n
       JOIN chat_sessions s ON s.id = n.chat_session_id
       WHERE n.mitra_id = $1 AND NOT n.declined AND s.status = $2 AND s.mitra_id IS NULL ORDER BY s.paid_at, s.id`,
      [mitraId, STATUS.searching],
    );
  }

  async accept(id, mitraId) {
    let before;
    const after = await this.db.transaction(async (tx) => {
      before = await lockSession(tx, id);
      const offer = await tx.one(OFFER, [id, mitraId]);
      insist(before && offer, 'NOT_FOUND', 'no such offer');
      insist(!before.mitra_id, 'ALREADY_TAKEN');
      insist(before.status === STATUS.searching && !offer.declined, 'INVALID_STATE', 'this offer is closed');
      await this.chats.takeSeat(tx, mitraId);
      const ends_at = new Date(Date.now() + before.duration_seconds * 1000);
      return update(tx, id, { status: STATUS.active, mitra_id: mitraId, ends_at });
    });
    return this.chats.settle(before, after);
  }

  async decline(id, mitraId) {
    await this.db.transaction(async (tx) => {
      const session = await lockSession(tx, id);
      insist(session && (await tx.one(OFFER, [id, mitraId])), 'NOT_FOUND', 'no such offer');
      insist(session.mitra_id !== mitraId, 'INVALID_STATE', 'you have accepted this chat');
      const sql = 'UPDATE chat_request_notifications SET declined = true WHERE chat_session_id = $1 AND mitra_id = $2';
      await tx.query(sql, [id, mitraId]);
    });
  }
}
