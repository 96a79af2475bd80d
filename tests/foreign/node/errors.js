// The answers that are no success, by the codes of the contract.

const STATUS = {
  BAD_JSON: 400,
  VALIDATION_ERROR: 400,
  UNAUTHENTICATED: 401,
  TOKEN_EXPIRED: 401,
  OTP_INVALID: 401,
  REFRESH_INVALID: 401,
  FORBIDDEN: 403,
  ACCOUNT_INACTIVE: 403,
  NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  INVALID_STATE: 409,
  ALREADY_TAKEN: 409,
  MITRA_AT_CAPACITY: 409,
  MITRA_UNREACHABLE: 409,
  NO_MITRA_AVAILABLE: 409,
  PAYLOAD_TOO_LARGE: 413,
  OTP_TOO_MANY_ATTEMPTS: 429,
  INTERNAL_ERROR: 500,
  SERVICE_UNAVAILABLE: 503,
};

/** An answer of the contract; its code says the status. */
export class Refusal extends Error {
  constructor(code, message = code.toLowerCase().replaceAll('_', ' ')) {
    super(message);
    this.code = code;
    this.status = STATUS[code];
  }
}

/** Throws the refusal unless the condition holds. */
export function insist(condition, code, message) {
  if (!condition) throw new Refusal(code, message);
}
