"""Every error the API answers with. Each code has one status; each constructor below makes one kind of error."""

OTP_ATTEMPTS_MAX = 5

STATUS = {
    "BAD_JSON": 400,
    "VALIDATION_ERROR": 400,
    "UNAUTHENTICATED": 401,
    "TOKEN_EXPIRED": 401,
    "OTP_INVALID": 401,
    "REFRESH_INVALID": 401,
    "FORBIDDEN": 403,
    "ACCOUNT_INACTIVE": 403,
    "NOT_FOUND": 404,
    "METHOD_NOT_ALLOWED": 405,
    "PAYLOAD_TOO_LARGE": 413,
    "INVALID_STATE": 409,
    "ALREADY_TAKEN": 409,
    "MITRA_AT_CAPACITY": 409,
    "MITRA_UNREACHABLE": 409,
    "NO_MITRA_AVAILABLE": 409,
    "OTP_TOO_MANY_ATTEMPTS": 429,
    "INTERNAL_ERROR": 500,
    "SERVICE_UNAVAILABLE": 503,
}


class ApiError(Exception):
    """An answer other than success: `status` (HTTP), `code` (as the contract names it), `message` (for people)."""

    def __init__(self, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        self.status = STATUS[code]
        super().__init__(f"{self.status} {code}: {message}")
        self.code = code
        self.message = message
        self.headers = headers or {}


class ServiceUnavailable(ApiError):
    """Postgres is needed and can't be reached or did not answer in time. `cause` is for the log; sweeps catch this class."""

    def __init__(self, cause: str = "") -> None:
        super().__init__("SERVICE_UNAVAILABLE", "the database is not reachable, try again shortly")
        self.cause = cause


def bad_json(message: str = "the body must be JSON") -> ApiError:
    return ApiError("BAD_JSON", message)


def validation_error(message: str) -> ApiError:
    return ApiError("VALIDATION_ERROR", message)


def unauthenticated(message: str = "a valid bearer token is needed") -> ApiError:
    return ApiError("UNAUTHENTICATED", message, {"www-authenticate": "Bearer"})


def token_expired() -> ApiError:
    return ApiError("TOKEN_EXPIRED", "the token has expired, refresh it", {"www-authenticate": "Bearer"})


def otp_invalid() -> ApiError:
    return ApiError("OTP_INVALID", "the code is wrong, used or expired")


def refresh_invalid() -> ApiError:
    return ApiError("REFRESH_INVALID", "the refresh token is unknown, used, expired or revoked")


def forbidden(message: str = "this belongs to another user") -> ApiError:
    return ApiError("FORBIDDEN", message)


def account_inactive() -> ApiError:
    return ApiError("ACCOUNT_INACTIVE", "this account has been deactivated")


def not_found(what: str = "resource") -> ApiError:
    return ApiError("NOT_FOUND", f"no such {what}")


def method_not_allowed(allow: str) -> ApiError:
    return ApiError("METHOD_NOT_ALLOWED", f"this path takes {allow}", {"allow": allow})


def payload_too_large(limit_bytes: int) -> ApiError:
    return ApiError("PAYLOAD_TOO_LARGE", f"the body is over {limit_bytes} bytes")


def invalid_state(message: str) -> ApiError:
    return ApiError("INVALID_STATE", message)


def already_taken() -> ApiError:
    return ApiError("ALREADY_TAKEN", "a mitra has taken this chat")


def mitra_at_capacity() -> ApiError:
    return ApiError("MITRA_AT_CAPACITY", "the mitra has no room for another chat")


def mitra_unreachable() -> ApiError:
    return ApiError("MITRA_UNREACHABLE", "the mitra is not reachable")


def no_mitra_available() -> ApiError:
    return ApiError("NO_MITRA_AVAILABLE", "no mitra is available, nothing was paid, try again later")


def otp_too_many_attempts() -> ApiError:
    return ApiError("OTP_TOO_MANY_ATTEMPTS", f"{OTP_ATTEMPTS_MAX} wrong codes were tried, request a new code")


def otp_too_many_requests(requests_max: int, wait_s: int) -> ApiError:
    """`wait_s`: seconds until a request is accepted again."""
    message = f"{requests_max} codes were requested for this phone: use the last one, or request another in {wait_s} s"
    return ApiError("OTP_TOO_MANY_ATTEMPTS", message, {"retry-after": str(wait_s)})


def internal_error() -> ApiError:
    return ApiError("INTERNAL_ERROR", "a defect of the server, see its log")
