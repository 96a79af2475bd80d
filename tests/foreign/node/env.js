// What the environment says, read once. A bad value is refused before anything is opened.

export class BadSetting extends Error {}

const fail = (name, why) => {
  throw new BadSetting(`${name} ${why}`);
};

function text(env, name, fallback) {
  const value = env[name] || fallback;
  return value ?? fail(name, `is not set${env.APP_ENV ? '' : ' (an unset APP_ENV means production; for a trial set APP_ENV=development)'}`);
}

function whole(env, name, fallback, least, most = 2 ** 31 - 1) {
  const given = env[name] || String(fallback);
  const value = /^\d{1,10}$/.test(given) ? Number(given) : NaN;
  return value >= least && value <= most
    ? value
    : fail(name, `must be a whole number from ${least} to ${most}, not ${JSON.stringify(given)}`);
}

function oneOf(env, name, choices) {
  const value = env[name] || choices[0];
  return choices.includes(value) ? value : fail(name, `must be one of ${choices.join(', ')}, not ${JSON.stringify(value)}`);
}

function url(env, name, schemes) {
  const value = text(env, name);
  const scheme = schemes.find((each) => value.startsWith(`${each}://`));
  return scheme && URL.canParse(value) ? value : fail(name, `must be a URL with ${schemes.join(' or ')}`);
}

/** ioredis takes a database that is no number for database 0. */
function valkeyUrl(env, name) {
  const value = url(env, name, ['redis', 'rediss', 'valkey', 'valkeys']);
  const { pathname, searchParams } = new URL(value);
  const named = [pathname.slice(1), ...searchParams.getAll('db')].filter((each) => each !== '');
  if (!named.every((each) => /^\d{1,9}$/.test(each))) fail(name, 'must name its database by a number, such as /0');
  return new Set(named.map(Number)).size > 1 ? fail(name, 'names two databases') : value;
}

/** pg takes the database from the path alone, and without one that of the user's name. */
function databaseUrl(env, name) {
  const value = url(env, name, ['postgresql', 'postgres']);
  const { pathname, searchParams } = new URL(value);
  if (pathname.length < 2) fail(name, 'names no database: it must end like host:5432/database');
  return searchParams.has('dbname') || searchParams.has('database') ? fail(name, 'names its database twice') : value;
}

/** Settings of the process; durations in seconds. BadSetting names the variable that cannot be. */
export function readEnvironment(env) {
  const appEnv = oneOf(env, 'APP_ENV', ['production', 'development', 'test']);
  const production = appEnv === 'production';
  if (production && env.OTP_DEV_CODE) fail('OTP_DEV_CODE', 'is refused in production');
  oneOf(env, 'AVAILABILITY_MIRROR', ['on']); // life without the mirror is optional, and not to be had here
  return {
    databaseUrl: databaseUrl(env, 'DATABASE_URL'),
    valkeyUrl: valkeyUrl(env, 'VALKEY_URL'),
    host: text(env, 'HOST', '127.0.0.1'),
    publicPort: whole(env, 'PUBLIC_PORT', 3000, 0, 65535),
    internalPort: whole(env, 'INTERNAL_PORT', 3001, 0, 65535),
    jwtSecret: text(env, 'JWT_SECRET', production ? undefined : 'development-only'),
    internalToken: text(env, 'INTERNAL_API_TOKEN', production ? undefined : 'development-only'),
    accessTokenTtl: whole(env, 'ACCESS_TOKEN_TTL_SECONDS', 900, 1),
    otpCode: env.OTP_DEV_CODE || null,
    goodbyeWindow: whole(env, 'GOODBYE_WINDOW_SECONDS', 60, 0),
    sweepEvery: whole(env, 'MITRA_AUTO_OFFLINE_SWEEP_SECONDS', 30, 1),
    heartbeatMirrorEvery: whole(env, 'HEARTBEAT_MIRROR_INTERVAL_SECONDS', 60, 1),
    reconcileEvery: whole(env, 'VALKEY_ONLINE_MIRROR_SWEEP_SECONDS', 300, 0),
  };
}
