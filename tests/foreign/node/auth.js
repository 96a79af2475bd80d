// Signing in by a one-time code, and the tokens that come of it.

import { createHash, randomBytes, randomInt, timingSafeEqual } from 'node:crypto';

import { SignJWT, errors, jwtVerify } from 'jose';

import { Refusal, insist } from './errors.js';

const CODE_S = 300;
const WRONG_ANSWERS = 5;
const SIGN_IN = "interval '30 days'";
const TABLE = { mitra: 'app.counselors', client: 'app.clients' };

const hash = (text) => createHash('sha256').update(text).digest('hex');
export const isSame = (a, b) => timingSafeEqual(Buffer.from(hash(a)), Buffer.from(hash(b)));

export class Auth {
  constructor(db, { jwtSecret, accessTokenTtl, otpCode }) {
    this.db = db;
    this.secret = new TextEncoder().encode(jwtSecret);
    this.ttl = accessTokenTtl;
    this.otpCode = otpCode;
  }

  /** The same answer whether anybody has this phone. Without a development code nobody learns the code: there is no SMS. */
  async requestCode(role, phone) {
    const code = this.otpCode ?? String(randomInt(1_000_000)).padStart(6, '0');
    await this.db.query(
      `INSERT INTO app.sign_in_codes (role, phone, code, expires_at) VALUES ($1, $2, $3, now() + $4 * interval '1 s')
       ON CONFLICT (role, phone) DO UPDATE SET code = EXCLUDED.code, expires_at = EXCLUDED.expires_at, wrong_answers = 0`,
      [role, phone, hash(code), CODE_S],
    );
    return { expires_in: CODE_S };
  }

  async verifyCode(role, phone, code) {
    const key = [role, phone];
    const outcome = await this.db.transaction(async (tx) => {
      const sql = 'SELECT * FROM app.sign_in_codes WHERE role = $1 AND phone = $2 AND expires_at > now() FOR UPDATE';
      const open = await tx.one(sql, key);
      if (!open) return new Refusal('OTP_INVALID', 'ask for a code first');
      if (open.wrong_answers >= WRONG_ANSWERS) return new Refusal('OTP_TOO_MANY_ATTEMPTS', 'ask for a new code');
      const user = open.code === hash(code) ? await this.#userOf(tx, role, phone) : null;
      if (!user) {
        await tx.query('UPDATE app.sign_in_codes SET wrong_answers = wrong_answers + 1 WHERE role = $1 AND phone = $2', key);
        return new Refusal('OTP_INVALID', 'wrong code');
      }
      if (user.enabled === false) return new Refusal('ACCOUNT_INACTIVE');
      await tx.query('DELETE FROM app.sign_in_codes WHERE role = $1 AND phone = $2', key);
      const token = newToken();
      await tx.query(
        `INSERT INTO app.sign_ins (user_id, refresh_token_hash, expires_at) VALUES ($1, $2, now() + ${SIGN_IN})`,
        [user.id, hash(token)],
      );
      return { user, token };
    });
    if (outcome instanceof Refusal) throw outcome; // only now: the attempt is counted
    return this.#tokens(role, outcome.user, outcome.token);
  }

  /** A customer is signed up by the first code, a mitra is not. */
  async #userOf(tx, role, phone) {
    const known = await tx.one(`SELECT * FROM ${TABLE[role]} WHERE phone = $1 FOR SHARE`, [phone]);
    if (known || role === 'mitra') return known ?? null;
    return tx.one("INSERT INTO app.clients (phone, full_name, tenant) VALUES ($1, '', 'main') RETURNING *", [phone]);
  }

  /** The row of a sign-in goes on with a new token's hash, so the old one serves nobody, and its successor lives. */
  async refresh(role, token) {
    const successor = newToken();
    const active = role === 'mitra' ? 'AND u.enabled' : '';
    const user = await this.db.one(
      `UPDATE app.sign_ins a SET refresh_token_hash = $2, expires_at = now() + ${SIGN_IN} FROM ${TABLE[role]} u
       WHERE a.refresh_token_hash = $1 AND a.user_id = u.id AND a.revoked_at IS NULL AND a.expires_at > now() ${active}
       RETURNING u.*`,
      [hash(token), hash(successor)],
    );
    insist(user, 'REFRESH_INVALID');
    return this.#tokens(role, user, successor);
  }

  logout(token) {
    return this.db.query(
      'UPDATE app.sign_ins SET revoked_at = now() WHERE refresh_token_hash = $1 AND revoked_at IS NULL',
      [hash(token)],
    );
  }

  /** `sub` and `role` of an access token. */
  async claims(header) {
    const token = /^Bearer +(\S+)$/i.exec(header ?? '')?.[1];
    insist(token, 'UNAUTHENTICATED', 'a bearer token is needed');
    try {
      const rules = { algorithms: ['HS256'], requiredClaims: ['sub', 'role', 'exp'] };
      return (await jwtVerify(token, this.secret, rules)).payload;
    } catch (error) {
      throw new Refusal(error instanceof errors.JWTExpired ? 'TOKEN_EXPIRED' : 'UNAUTHENTICATED');
    }
  }

  async #tokens(role, { id, phone, full_name }, refreshToken) {
    const now = Math.floor(Date.now() / 1000);
    const jwt = new SignJWT({ role }).setProtectedHeader({ alg: 'HS256', typ: 'JWT' }).setSubject(id);
    return {
      access_token: await jwt.setIssuedAt(now).setExpirationTime(now + this.ttl).sign(this.secret),
      refresh_token: refreshToken,
      token_type: 'Bearer',
      expires_in: this.ttl,
      user: { id, phone, display_name: full_name },
    };
  }
}

const newToken = () => randomBytes(32).toString('base64url');
