// The operators' settings: kept in memory, read anew when somebody says that one changed.

import { randomUUID } from 'node:crypto';

import { log } from './log.js';
import { CHANNEL, KEY } from './valkey.js';

const DEFAULTS = { max_customers_per_mitra: 3, stale_after_seconds: 90 };
const LARGEST = 1_000_000;

export const isSetting = (key) => Object.hasOwn(DEFAULTS, key);
export const isSettingValue = (value) => Number.isInteger(value) && value >= 1 && value <= LARGEST;

export class Settings {
  #sender = randomUUID(); // so that an instance knows its own messages

  constructor(db) {
    this.db = db;
    this.values = { ...DEFAULTS };
    this.version = 0; // moves on with each change that somebody told of
  }

  get maximum() {
    return this.values.max_customers_per_mitra;
  }

  get staleAfterMs() {
    return this.values.stale_after_seconds * 1000;
  }

  /** Reads them from Postgres, through the transaction given if there is one; nonsense counts as absent. */
  async load(source = this.db) {
    const rows = await source.query('SELECT key, value FROM app.settings');
    const sound = rows.filter(({ key, value }) => isSetting(key) && isSettingValue(value));
    this.values = { ...DEFAULTS, ...Object.fromEntries(sound.map(({ key, value }) => [key, value])) };
    return this.values;
  }

  /** Writes one, and tells every instance. */
  async put(key, value, client) {
    await this.db.query(
      'INSERT INTO app.settings (key, value) VALUES ($1, $2::jsonb) ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value',
      [key, JSON.stringify(value)],
    );
    await this.#changed(client);
    await client
      .publish(CHANNEL, JSON.stringify({ key, sender: this.#sender }))
      .catch((error) => log(`[valkey-mirror] publish ${key} failed: ${error.message}`));
  }

  async #changed(client) {
    await this.load();
    this.version += 1;
    await client
      .del(KEY.snapshot)
      .catch((error) => log(`[valkey-mirror] invalidate snapshot failed: ${error.message}`));
  }

  /** Listens for the others' changes; what was missed while the subscription was away is made good. */
  listen(subscriber, client) {
    let before = false;
    const changed = () => this.#changed(client).catch((error) => log(`[config] cannot be read: ${error.message}`));
    subscriber.on('ready', async () => {
      try {
        await subscriber.subscribe(CHANNEL);
      } catch (error) {
        log(`[valkey] subscription failed: ${error.message}`);
        return subscriber.disconnect(true);
      }
      log(`[valkey] subscribed to ${CHANNEL}`);
      if (before) changed();
      before = true;
    });
    subscriber.on('message', (_, message) => {
      if (senderOf(message) !== this.#sender) changed();
    });
  }
}

function senderOf(message) {
  try {
    return JSON.parse(message)?.sender;
  } catch {
    return undefined; // whatever it says, something changed
  }
}
