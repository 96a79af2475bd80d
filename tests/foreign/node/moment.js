// Times as the mirror writes and reads them.

const ISO = /^(\d{4})-?(\d\d)-?(\d\d)T(\d\d):?(\d\d)(?::?(\d\d)([.,]\d+)?)?(?:Z|[+-]00(?::?00)?)$/i;

/** Milliseconds since 1970 of an ISO-8601 time in UTC; null for anything else. */
export function parseMoment(text) {
  const match = ISO.exec(text ?? '');
  if (!match) return null;
  const [, year, month, day, hour, minute, second = '00', fraction = ''] = match;
  const digits = fraction.slice(1, 4).padEnd(3, '0');
  const time = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}.${digits}Z`);
  // A day that does not exist rolls over into the next month: that is no time either.
  return !Number.isNaN(time.getTime()) && time.getUTCDate() === Number(day) ? time.getTime() : null;
}

export const now = () => new Date().toISOString();

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
export const isUuid = (text) => typeof text === 'string' && UUID.test(text);
