// Postgres: one pool, transactions, and the knowledge of which errors mean "not there right now".

import pg from 'pg';

import { log } from './log.js';

pg.types.setTypeParser(pg.types.builtins.INT8, Number); // counts: far below 2^53

const NETWORK = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH']);
const STATES = /^(08|53|57P|57014|55P03)/; // connection, resources, shutdown, statement or lock took too long
const TEXTS = /timeout|Connection terminated|connection error|not queryable/i; // the driver's own, without a code

/** Whether the error says that Postgres cannot be reached, rather than that a statement is wrong. */
export function isUnavailable(error) {
  if (error instanceof AggregateError) return error.errors.every(isUnavailable);
  return error.code ? NETWORK.has(error.code) || STATES.test(error.code) : TEXTS.test(error.message);
}

export class Database {
  constructor(url) {
    this.pool = new pg.Pool({
      connectionString: url,
      max: 10,
      connectionTimeoutMillis: 2500,
      statement_timeout: 3500,
      query_timeout: 4000,
      lock_timeout: 3000,
    });
    this.pool.on('error', (error) => log(`[postgres] a connection was lost: ${error.message}`));
  }

  /** One statement on its own; its rows. */
  async query(sql, values) {
    return (await this.pool.query(sql, values)).rows;
  }

  /** The only row of a statement, or undefined. */
  async one(sql, values) {
    return (await this.query(sql, values))[0];
  }

  /** Runs `work(tx)` in a transaction, where `tx` has `query` and `one`; an exception rolls back. */
  async transaction(work) {
    const client = await this.pool.connect();
    const query = async (sql, values) => (await client.query(sql, values)).rows;
    let broken;
    try {
      await client.query('BEGIN');
      const result = await work({ query, one: async (sql, values) => (await query(sql, values))[0] });
      await client.query('COMMIT');
      return result;
    } catch (error) {
      await client.query('ROLLBACK').catch((lost) => (broken = lost));
      throw error;
    } finally {
      client.release(broken);
    }
  }

  close() {
    return this.pool.end();
  }
}
